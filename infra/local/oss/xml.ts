/** XML in and out: bodies of requests are parsed into plain values, answers are built from elements. */
import { XMLParser } from 'fast-xml-parser';
import { OssError } from './errors.ts';

// Entities are decoded here, not by the parser: only the five of XML and numeric ones, so a document type cannot
// define any, and a thousand escaped keys do not run into the parser's limit on expansions.
const PARSER = new XMLParser({
  ignoreAttributes: true,
  ignoreDeclaration: true,
  parseTagValue: false,
  trimValues: false,
  processEntities: false,
});

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** An element's parsed content. Throws `MalformedXML`. */
export function parseXml(bytes: Uint8Array, root: string): XmlNode {
  try {
    const document: unknown = PARSER.parse(Buffer.from(bytes).toString('utf8'), true);
    const node = child(document, root);
    if (node !== undefined) return new XmlNode(node);
  } catch {
    // Falls through: the parser's message may quote the body, so it is not passed on.
  }
  throw new OssError('MalformedXML', { elements: { ErrorDetail: `the root node is not named ${root}.` } });
}

/** One parsed element. */
export class XmlNode {
  readonly #value: unknown;

  constructor(value: unknown) {
    this.#value = value;
  }

  /** The child elements of this name, in order. */
  all(name: string): XmlNode[] {
    const value = child(this.#value, name);
    if (value === undefined) return [];
    return (Array.isArray(value) ? value : [value]).map((item: unknown) => new XmlNode(item));
  }

  /** The text of the one child element of this name. Throws `MalformedXML` if there is none. */
  text(name: string): string {
    const text = this.optionalText(name);
    if (text === undefined) {
      throw new OssError('MalformedXML', { elements: { ErrorDetail: `the node ${name} is missing.` } });
    }
    return text;
  }

  optionalText(name: string): string | undefined {
    const value = child(this.#value, name);
    return typeof value === 'string' ? decodeEntities(value) : undefined;
  }
}

function child(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  const entry = Object.entries(value).find(([key]) => key === name);
  return entry?.[1];
}

function decodeEntities(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (name) return ENTITIES[name] ?? whole;
    const code = hex ? Number.parseInt(hex, 16) : Number.parseInt(decimal, 10);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

export type XmlContent = string | number | boolean | readonly XmlElement[];
export type XmlElement = readonly [name: string, content: XmlContent];

/** A whole document with one root element. */
export function xmlDocument(root: string, content: XmlContent): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element(root, content)}\n`;
}

function element(name: string, content: XmlContent): string {
  const inner = Array.isArray(content)
    ? content.map(([childName, childContent]: XmlElement) => element(childName, childContent)).join('')
    : escapeXml(String(content));
  return `<${name}>${inner}</${name}>`;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
