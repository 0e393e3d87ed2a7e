import fs from 'node:fs';
import {
  Document,
  isNode,
  LineCounter,
  parseAllDocuments,
  YAMLError,
} from 'yaml';
import { isBlock } from '../template/dependencies';
import { API_GROUP, isTemplate } from '../template/isTemplate';

/** A place in a file, both counted from 1. */
export type Position = { line: number; column: number };

/** A template as a file has it. */
type TemplateFile = {
  name: string;
  spec: Record<string, unknown>;
  /** All that the document has. */
  entity: Record<string, unknown>;
  /** Where something in the spec is, or the next block around it that there is. */
  positionOf(path: (string | number)[]): Position;
};

/** A file that is no YAML. */
type UnreadableFile = { position: Position; message: string };

/**
 * Reads the templates in a file, which may have several documents. Those of other kinds are passed over.
 *
 * @throws if the file cannot be read.
 */
export function readTemplates(file: string): {
  templates: TemplateFile[];
  errors: UnreadableFile[];
} {
  const lines = new LineCounter();
  const text = fs.readFileSync(file, 'utf8');
  // Beside templates lie the files that they are made of, which need not be YAML before they are filled in.
  if (!text.includes(API_GROUP)) {
    return { templates: [], errors: [] };
  }
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    // A template for templates may have tags and keys of its own.
    logLevel: 'error',
  }) as Document.Parsed[];
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };

  const templates: TemplateFile[] = [];
  const errors: UnreadableFile[] = [];
  for (const document of documents) {
    let entity: unknown;
    try {
      if (document.errors.length > 0) {
        throw document.errors[0];
      }
      // Throws at an alias that there is no anchor for.
      entity = document.toJS();
    } catch (error) {
      const { message, pos = document.range } = error as YAMLError;
      errors.push({
        position: positionAt(pos[0]),
        message: message.split('\n')[0].replace(/ at line .*$/, ''),
      });
      continue;
    }
    if (isTemplate(entity)) {
      templates.push({
        name: String(entity.metadata?.name ?? 'a template without a name'),
        spec: isBlock(entity.spec) ? entity.spec : {},
        entity,
        positionOf: path => positionAt(offsetOf(document, ['spec', ...path])),
      });
    }
  }
  return { templates, errors };
}

function offsetOf(document: Document.Parsed, path: (string | number)[]) {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) {
      return node.range[0];
    }
  }
  return document.range[0];
}
