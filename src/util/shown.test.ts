import { didYouMean } from '../template/didYouMean';
import { inQuotes, listed, quoted, shortened, shown } from './shown';
import { validateTemplate } from '../template/validateTemplate';

const MEGABYTE = 'x'.repeat(1_000_000);

describe('a value of a template, in a message', () => {
  it.each([
    ['restart', '"restart"'],
    [7, '7'],
    [null, 'null'],
    [undefined, 'undefined'],
    [{ a: [1] }, '{"a":[1]}'],
    [{ a: MEGABYTE }, `{"a":"${'x'.repeat(94)}…`],
  ])('is the value as it is, or its first 100 characters', (value, text) => {
    expect(shown(value)).toBe(text);
  });

  it('is its kind if it contains itself', () => {
    const block: Record<string, unknown> = { toString: 'no function' };
    block.self = block;
    const list: unknown[] = [];
    list.push(list);
    expect([block, list].map(shown)).toEqual([
      'a value that is not JSON',
      'a list that is not JSON',
    ]);
  });

  it('is cut between two characters, never within one', () => {
    const clown = '\u{1f921}';
    expect(shortened(`${'x'.repeat(98)}${clown}yz`)).toBe(
      `${'x'.repeat(98)}${clown}…`,
    );
    expect(shortened(`${'x'.repeat(99)}${clown}yz`)).toBe(`${'x'.repeat(99)}…`);
    expect(shortened('x'.repeat(100))).toBe('x'.repeat(100));
    expect(inQuotes(MEGABYTE)).toBe(`'${'x'.repeat(100)}…'`);
  });

  it('is a list of no more than twenty, or fewer that are long', () => {
    const ids = Array.from({ length: 1_000 }, (_, i) => `step-${i}`);
    expect(quoted(ids.slice(0, 3))).toBe(`'step-0', 'step-1', 'step-2'`);
    expect(listed(ids)).toBe(`${ids.slice(0, 20).join(', ')} and 980 more`);
    const long = listed(ids.map(id => `${id}${'x'.repeat(90)}`));
    expect(long.length).toBeLessThan(700);
    expect(long).toMatch(/ and 994 more$/);
    expect(listed([])).toBe('');
  });

  it('is no suggestion for a word that nobody can have misspelt, which would take minutes', () => {
    expect(didYouMean(MEGABYTE, [`${MEGABYTE}y`])).toBe('');
    expect(didYouMean('dependOn', ['dependsOn', MEGABYTE])).toContain(
      `'dependsOn'`,
    );
  });

  it('is short in whatever is wrong with a template', () => {
    const problems = validateTemplate({
      recovery: { strategy: MEGABYTE, maxAttempts: [MEGABYTE], [MEGABYTE]: 1 },
      steps: [
        ...Array.from({ length: 50 }, (_, i) => ({ id: `${i}${MEGABYTE}` })),
        { id: MEGABYTE, recovery: MEGABYTE },
        { id: `${MEGABYTE}a`, recovery: { dependsOn: [{ MEGABYTE }] } },
        { id: `${MEGABYTE}b`, recovery: { [MEGABYTE]: 1 } },
        { id: `${MEGABYTE}c`, recovery: { dependsOn: `${MEGABYTE}d` } },
        { id: `${MEGABYTE}d`, recovery: { dependsOn: `${MEGABYTE}c` } },
        { id: `${MEGABYTE}e`, recovery: { dependsOn: 'nowhere' } },
      ],
    });
    expect(problems).toHaveLength(8);
    const lengths = problems.map(({ message }) => message.length);
    expect(Math.max(...lengths)).toBeLessThan(1_500);
  });
});
