// Writes an OpenAPI 3.1 document as 3.0: node down-convert.mjs FROM TO
//
// All but one thing does a library made for it: null in a union, which 3.0 calls `nullable`.

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [from, to] = process.argv.slice(2);
// The packages are beside the folder that is written to.
const { Converter } = createRequire(to)('@apiture/openapi-down-convert');

const isNull = (schema) => schema.type === 'null';

function nullable(node) {
  if (Array.isArray(node)) return node.map(nullable);
  if (node === null || typeof node !== 'object') return node;
  const { oneOf, ...rest } = node;
  if (Array.isArray(oneOf) && oneOf.length === 2 && oneOf.some(isNull)) {
    const schema = nullable(oneOf.find((one) => !isNull(one)));
    return { ...rest, nullable: true, ...('$ref' in schema ? { allOf: [schema] } : schema) };
  }
  return Object.fromEntries(Object.entries(node).map(([name, value]) => [name, nullable(value)]));
}

const document = new Converter(JSON.parse(readFileSync(from, 'utf8'))).convert();
writeFileSync(to, JSON.stringify(nullable(document), null, 2));
