// Fills in the paths of operations. In OpenAPI 3.1 an example stands in the schema, where Swagger UI does
// not look for one; it does at the parameter. What is not required stays empty: a filter that is filled
// in would hide what is there.

function fillIn(parameter) {
  const [example] = parameter.schema?.examples ?? [];
  if (parameter.in === 'path' && example !== undefined) parameter.example ??= example;
}

export const examples = () => ({
  statePlugins: {
    spec: {
      wrapActions: {
        updateJsonSpec: (original) => (document) => {
          const operations = Object.values(document.paths ?? {}).flatMap((path) => Object.values(path));
          operations.flatMap((operation) => operation.parameters ?? []).forEach(fillIn);
          return original(document);
        },
      },
    },
  },
});
