import { JsonObject } from '@backstage/types';

/** A section of a configuration, as one writes it in YAML on one line, for Markdown. */
export function formatConfig(config: JsonObject): string {
  if (Object.keys(config).length === 0) {
    return 'nothing is configured';
  }
  const yaml = JSON.stringify(config)
    .replaceAll('"', '')
    .replace(/[:,]/g, '$& ')
    .replace(/\{/g, '{ ')
    .replace(/\}/g, ' }');
  return `\`${yaml}\``;
}
