import { JsonObject } from '@backstage/types';
import { formatTable } from '../harness/command/table';
import type { LeftOut } from './read/template';
import type { Case, WayResult } from './tryWay';

/** What was tried, in all ways. */
export type Report = {
  folder: string;
  templates: number;
  /** What could not even be read. */
  leftOut: LeftOut[];
  results: WayResult[];
};

/** Whether a way did all that it should with all templates. */
export function isWell({ cases, leftOut }: WayResult): boolean {
  return (
    cases.length > 0 &&
    leftOut.length === 0 &&
    cases.every(c => c.problems.length === 0 && c.twice === 0)
  );
}

export function formatReport(report: Report): string {
  const { results } = report;
  return [
    formatTable(
      [
        'way',
        'cases right',
        'templates right in all steps',
        'outside twice',
        'after a failed step',
      ],
      results.map(result => {
        const { cases, right, templates, templatesRight, ...counts } =
          countsOf(result);
        return [
          result.way.heading,
          `${right} of ${cases}`,
          `${templatesRight} of ${templates}`,
          counts.twice,
          counts.afterFailure,
        ];
      }),
    ),
    ...results.map(result =>
      formatList(`Wrong with ${result.way.heading}`, wrongOf(result)),
    ),
    formatList('Not tried', formatLeftOut(notTriedOf(report))),
    formatList(
      'Failing without an interruption, and compared all the same',
      formatLeftOut(results[0]?.failing ?? []),
    ),
  ]
    .filter(Boolean)
    .join('\n\n');
}

export function toJson(report: Report): JsonObject {
  const { folder, templates, results } = report;
  return {
    folder,
    templates,
    notTried: notTriedOf(report),
    failing: results[0]?.failing ?? [],
    ways: results.map(result => ({
      name: result.way.name,
      ...countsOf(result),
      wrong: result.cases.filter(isWrong),
    })),
  };
}

/** The figures of a way. */
function countsOf({ cases }: WayResult) {
  const names = [...new Set(cases.map(c => c.template))];
  const wrong = new Set(
    cases.filter(c => c.problems.length > 0).map(c => c.template),
  );
  return {
    cases: cases.length,
    right: cases.filter(c => c.problems.length === 0).length,
    templates: names.length,
    templatesRight: names.length - wrong.size,
    twice: cases.reduce((sum, c) => sum + c.twice, 0),
    afterFailure: cases.reduce((sum, c) => sum + c.afterFailure, 0),
  };
}

function isWrong({ problems, twice }: Case): boolean {
  return problems.length > 0 || twice > 0;
}

function wrongOf({ cases }: WayResult): string[] {
  return cases.filter(isWrong).map(c => {
    const { template, step, place, places, problems, twice } = c;
    const ran = twice > 0 ? [`${twice} outside actions ran twice`] : [];
    return `${template}, in '${step}' (${place} of ${places}): ${[
      ...problems,
      ...ran,
    ].join('; ')}`;
  });
}

/** Each once, whichever way it was that left it out. */
function notTriedOf({ leftOut, results }: Report): LeftOut[] {
  const all = [...leftOut, ...results.flatMap(r => r.leftOut)];
  return all.filter((l, i) => all.findIndex(m => m.name === l.name) === i);
}

function formatLeftOut(items: LeftOut[]): string[] {
  return items.map(({ name, reason }) => `${name}: ${reason}`);
}

function formatList(title: string, lines: string[]): string {
  return lines.length > 0
    ? `${title}:\n\n${lines.map(line => `  ${line}`).join('\n')}`
    : '';
}
