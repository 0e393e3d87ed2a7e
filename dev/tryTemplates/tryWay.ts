import { unlessAsked } from '../harness/command/runCommand';
import { PostgresProcess } from '../harness/postgres/PostgresProcess';
import { compareOutcomes, Comparison } from './outcomes/compareOutcomes';
import { inParallel } from './inParallel';
import { Place, placesOf } from './outcomes/outcome';
import type { TriedTemplate } from './prepare';
import type { LeftOut } from './read/template';
import { TriedSite } from './TriedSite';
import { Baseline, runUninterrupted } from './uninterrupted';
import type { TriedWay } from './ways';

/** A template that was interrupted in one of its steps. */
export type Case = {
  template: string;
  step: string;
  /** Which of its steps that run it is, counted from 1, and of how many. */
  place: number;
  places: number;
} & Comparison;

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
  /** Filters of templates that the scaffolder does not bring, separated by commas. */
  filters: string;
  say(text: string): void;
  /** That this process is to end. */
  asked: AbortSignal;
};

const NOT_REACHED: Comparison = {
  problems: ['it did not come to this step'],
  twice: 0,
  afterFailure: 0,
};

/** Runs each template without interruption, then once for each step in which its backend is killed. */
export async function tryWay(
  way: TriedWay,
  templates: TriedTemplate[],
  options: Options,
): Promise<WayResult> {
  const { server, batch, filters, asked } = options;
  const site = await TriedSite.open(way, templates, {
    server,
    filters,
    // Those of a way in which they never end stay in the way of none.
    tasks: 2 * Math.max(batch, templates.length),
  });
  try {
    return await unlessAsked(tryOn(site, way, templates, options), asked);
  } finally {
    await site.remove();
  }
}

async function tryOn(
  site: TriedSite,
  way: TriedWay,
  templates: TriedTemplate[],
  { batch, say }: Options,
): Promise<WayResult> {
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
    const range = `${done + 1} to ${done + next.length} of ${places.length}`;
    say(`${way.heading}: interrupting ${range}`);
    cases.push(...(await interrupt(site, next)));
  }
  const failing = baselines
    .filter(({ expected }) => expected.status !== 'completed')
    .map(({ template, expected }) => ({
      name: template.name,
      reason: `${expected.error}`,
    }));
  return { way, cases, leftOut, failing };
}

/** Has each task come to its place, kills the backend once for all, and compares what becomes of them. */
async function interrupt(
  site: TriedSite,
  places: { baseline: Baseline; place: Place; places: number }[],
): Promise<Case[]> {
  const ids = await inParallel(places, async ({ baseline, place }) => {
    const { run, iteration } = place;
    const { template, values } = baseline;
    return site.dispatch(template, values, { run, iteration });
  });
  await site.untilHeld(ids);
  const wereHeld = ids.map(id => site.wasHeld(id));
  await site.crash();
  await site.untilRecovered(ids);
  const outcomes = await site.outcomes(ids);
  return places.map(({ baseline, place, ...rest }, i) => {
    const { stepId, run } = place;
    const comparison = wereHeld[i]
      ? compareOutcomes(baseline.expected, outcomes[i], stepId)
      : NOT_REACHED;
    return {
      template: baseline.template.name,
      step: stepId,
      place: run + 1,
      ...rest,
      ...comparison,
    };
  });
}
