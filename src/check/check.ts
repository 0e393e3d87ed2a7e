import { toError } from '@backstage/errors';
import { validateTemplate } from '../template/validateTemplate';
import { Position, readTemplates } from './readTemplates';
import { CheckOptions, PlanRow, planOfTemplate } from './templatePlan';
import { findTypos } from './typos';
import { findWarnings } from './warnings';

/** Something that an author should know. */
type Finding = Position & {
  file: string;
  severity: 'error' | 'warning';
  message: string;
};

/** A template and what happens to its interrupted tasks. */
export type CheckedTemplate = {
  file: string;
  name: string;
  strategy: string;
  /** Nothing if its recovery blocks are invalid. */
  plan?: PlanRow[];
};

/** What was found in some files. */
export type CheckResult = {
  findings: Finding[];
  templates: CheckedTemplate[];
};

/** Checks the templates in files. One that cannot be read is a finding, and keeps no other from being checked. */
export function check(
  files: string[],
  options: CheckOptions = {},
): CheckResult {
  const findings: Finding[] = [];
  const checked: CheckedTemplate[] = [];
  for (const file of files) {
    const { templates, errors } = tryToRead(file);
    for (const { position, message } of errors) {
      findings.push({ file, ...position, severity: 'error', message });
    }
    for (const { name, spec, positionOf } of templates) {
      const problems = validateTemplate(spec);
      const isSound = problems.length === 0;
      const warnings = [
        ...findTypos(spec),
        ...(isSound ? findWarnings(spec, options) : []),
      ];
      const { strategy, rows } = isSound
        ? planOfTemplate(spec, options)
        : { strategy: 'none', rows: undefined };
      checked.push({ file, name, strategy, plan: rows });
      for (const [severity, found] of [
        ['error', problems],
        ['warning', warnings],
      ] as const) {
        for (const { path, message } of found) {
          const text = `template '${name}': ${message}`;
          findings.push({
            file,
            ...positionOf(path),
            severity,
            message: text,
          });
        }
      }
    }
  }
  return { findings, templates: checked };
}

function tryToRead(file: string): ReturnType<typeof readTemplates> {
  try {
    return readTemplates(file);
  } catch (error) {
    const position = { line: 1, column: 1 };
    const message = `Could not be read: ${toError(error).message}`;
    return { templates: [], errors: [{ position, message }] };
  }
}
