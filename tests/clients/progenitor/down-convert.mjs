// Writes an OpenAPI 3.1 document as 3.0: node down-convert.mjs FROM TO
//
// All but two things does a library made for it: null in a union, which 3.0 calls `nullable`, and what
// progenitor asks for beside.

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

const typeOf = (response) => JSON.stringify(response.content?.['application/json']?.schema);

// It knows one type of error an operation. The health operations have two: the answer of a service that
// is not ready stays, and the rest is to their clients what no document speaks of.
function keepOneErrorType({ responses }) {
  const errors = Object.keys(responses).filter((status) => status >= '400').reverse();
  for (const status of errors) {
    if (typeOf(responses[status]) !== typeOf(responses[errors[0]])) delete responses[status];
  }
}

const document = new Converter(JSON.parse(readFileSync(from, 'utf8'))).convert();
for (const item of Object.values(document.paths)) {
  for (const operation of Object.values(item)) {
    if (operation.responses) keepOneErrorType(operation);
  }
}
writeFileSync(to, JSON.stringify(nullable(document), null, 2));
