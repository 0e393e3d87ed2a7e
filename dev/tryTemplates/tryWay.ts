import { JsonObject } from '@backstage/types';
import { PostgresProcess } from '../harness/PostgresProcess';
import { compareOutcomes } from './compareOutcomes';
import { Outcome, Place, placesOf } from './outcome';
import type { TriedTemplate } from './prepare';
import type { LeftOut } from './read/template';
import { TriedSite } from './TriedSite';
import type { TriedWay } from './ways';

/** A template that was interrupted in one of its steps. */
export type Case = {
  template: string;
  step: string;
  /** Which of its steps that run it is, counted from 1, and of how many. */
  place: number;
  places: number;
  /** What was wrong, in full sentences. Nothing if it was right. */
  problems: string[];
  /** How many actions outside ran twice, without those of the interrupted step. */
  twice: number;
};

/** What a way did with all templates. */
export type WayResult = {
  way: TriedWay;
  cases: Case[];
  leftOut: LeftOut[];
  /** Templates that fail when nothing interrupts them, with why. They are compared all the same. */
  failing: LeftOut[];
};

/** How it is tried. */
type Options = {
  /** The PostgreSQL server to use. SQLite if not given. */
  server?: PostgresProcess;
  /** How many tasks are interrupted at once. */
  batch: number;
  say(text: string): void;
};

/** A template that ran without interruption. */
type Baseline = {
  template: TriedTemplate;
  values: JsonObject;
  expected: Outcome;
};

/** Runs each template without interruption, then once for each step in which its backend is killed. */
export async function tryWay(
  way: TriedWay,
  templates: TriedTemplate[],
  options: Options,
): Promise<WayResult> {
  const { batch, say } = options;
  const site = await TriedSite.open(way, templates, {
    server: options.server,
    // Those of a way in which they never end stay in the way of none.
    tasks: 2 * Math.max(batch, templates.length),
  });
  try {
    say(`${way.heading}: running ${templates.length} templates`);
    const { baselines, leftOut } = await runUninterrupted(site, templates);
    const places = baselines.flatMap(baseline =>
      placesOf(baseline.expected).map((place, _, all) => ({
        ...{ baseline, place, places: all.length },
      })),
    );
    const cases: Case[] = [];
    for (let done = 0; done < places.length; done += batch) {
      const next = places.slice(done, done + batch);
      say(
        `${way.heading}: interrupting ${done + 1} to ${done + next.length} of ${
          places.length
        }`,
      );
      cases.push(...(await interrupt(site, next)));
    }
    const failing = baselines
      .filter(({ expected }) => expected.status !== 'completed')
      .map(({ template, expected }) => ({
        name: template.name,
        reason: `${expected.error}`,
      }));
    return { way, cases, leftOut, failing };
  } finally {
    await site.remove();
  }
}

/** Runs each template twice, since one that does not do the same twice cannot be compared. */
async function runUninterrupted(
  site: TriedSite,
  templates: TriedTemplate[],
): Promise<{ baselines: Baseline[]; leftOut: LeftOut[] }> {
  const known = await site.untilKnown(templates.map(t => t.name));
  const leftOut: LeftOut[] = [];
  const started: Omit<Baseline, 'expected'>[] = [];
  const ids: [string, string][] = [];
  for (const template of templates) {
    const { name } = template;
    if (!known.has(name)) {
      const complaint = await site.complaintAbout(name);
      leftOut.push({ name, reason: `the catalog refuses it${complaint}` });
      continue;
    }
    try {
      const { id, values } = await dispatchFitting(site, template);
      ids.push([id, await site.dispatch(template, values)]);
      started.push({ template, values });
    } catch (error) {
      const { message } = error as Error;
      const unfilled = template.unfilled.map(u => `; ${u}`).join('');
      leftOut.push({ name, reason: `${message.slice(0, 500)}${unfilled}` });
    }
  }
  await site.untilEnded(ids.flat());
  const outcomes = await site.outcomes(ids.flat());
  const baselines: Baseline[] = [];
  started.forEach((baseline, i) => {
    const [expected, again] = outcomes.slice(2 * i, 2 * i + 2);
    const { problems } = compareOutcomes(expected, again);
    if (problems.length > 0) {
      const reason = `two runs of it differ: ${problems.join('; ')}`;
      leftOut.push({ name: baseline.template.name, reason });
    } else {
      baselines.push({ ...baseline, expected });
    }
  });
  return { baselines, leftOut };
}

/** Starts a task with the first values that the scaffolder accepts. */
async function dispatchFitting(
  site: TriedSite,
  template: TriedTemplate,
): Promise<{ id: string; values: JsonObject }> {
  let refusal: unknown;
  for (const values of template.values) {
    try {
      return { id: await site.dispatch(template, values), values };
    } catch (error) {
      refusal ??= error;
    }
  }
  throw refusal;
}

/** Has each task come to its place, kills the backend once for all, and compares what becomes of them. */
async function interrupt(
  site: TriedSite,
  places: { baseline: Baseline; place: Place; places: number }[],
): Promise<Case[]> {
  const ids: string[] = [];
  for (const { baseline, place } of places) {
    const { template, values } = baseline;
    const { run, iteration } = place;
    ids.push(await site.dispatch(template, values, { run, iteration }));
  }
  await site.untilHeld(ids);
  const wereHeld = ids.map(id => site.wasHeld(id));
  await site.crash();
  await site.untilEnded(ids);
  const outcomes = await site.outcomes(ids);
  return places.map(({ baseline, place, ...rest }, i) => {
    const { stepId, run } = place;
    const { problems, twice } = wereHeld[i]
      ? compareOutcomes(baseline.expected, outcomes[i], stepId)
      : { problems: ['it did not come to this step'], twice: 0 };
    return {
      template: baseline.template.name,
      step: stepId,
      place: run + 1,
      places: rest.places,
      problems,
      twice,
    };
  });
}
