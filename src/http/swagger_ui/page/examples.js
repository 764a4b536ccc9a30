// Readies the examples of the document for this page, which shows and sends them.
//
// - Required parameters are filled in. Optional ones stay empty, or a filter would hide what is there and
//   an Idempotency-Key would be sent twice: their example stands in their description.
// - Of several examples Swagger UI shows the first. The document has them in alphabetical order, and names
//   them in the description of the response in the order of the table of errors, the likeliest first.

function exampleOf({ example, schema = {} }) {
  return example ?? schema.examples?.[0] ?? schema.example;
}

function place(parameter) {
  const example = exampleOf(parameter);
  if (example === undefined) return;
  if (parameter.required) {
    parameter.example = example;
    return;
  }
  // Swagger UI fills in what it finds in these places.
  delete parameter.example;
  delete parameter.schema?.example;
  delete parameter.schema?.examples;
  const text = typeof example === 'string' ? example : JSON.stringify(example);
  parameter.description = `${parameter.description ?? ''} Example: \`${text}\`.`.trim();
}

function order({ description = '', content = {} }) {
  const rank = ([, { summary }]) => {
    const at = description.indexOf(summary);
    return at < 0 ? description.length : at;
  };
  for (const media of Object.values(content).filter(({ examples }) => examples)) {
    media.examples = Object.fromEntries(Object.entries(media.examples).sort((a, b) => rank(a) - rank(b)));
  }
}

export const examples = () => ({
  statePlugins: {
    spec: {
      wrapActions: {
        updateJsonSpec: (original) => (document) => {
          for (const operation of Object.values(document.paths ?? {}).flatMap(Object.values)) {
            (operation.parameters ?? []).forEach(place);
            Object.values(operation.responses ?? {}).forEach(order);
          }
          return original(document);
        },
      },
    },
  },
});
