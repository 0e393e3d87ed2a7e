import { mockServices } from '@backstage/backend-test-utils';
import { createLockTrouble } from './createLockTrouble';
import { Troubles } from './Troubles';

describe('createLockTrouble', () => {
  it('reports what it means and what to do, keeps nothing from being decided, and says when it is over', () => {
    let ms = 0;
    const logger = mockServices.logger.mock();
    const troubles = new Troubles({ logger, clock: () => ms });
    const trouble = createLockTrouble(troubles);
    const error = new Error('too many connections for role "backstage"');
    trouble.over();
    for (ms = 0; ms < 64_000; ms += 4_000) {
      trouble.report(error);
    }
    expect(logger.error.mock.calls).toEqual([
      [
        expect.stringMatching(
          /noticed after scaffolder\.recoverTasksTimeout only.*one connection per replica/,
        ),
        error,
      ],
      [expect.stringContaining('(for 60 s by now)'), error],
    ]);
    expect(troubles.isBlocking).toBe(false);
    trouble.over();
    expect(logger.info.mock.calls).toEqual([
      [
        'The lock by which a crash of this process is noticed works again, after 64 s',
      ],
    ]);
  });
});
