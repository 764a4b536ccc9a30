// Names that are unique in an account are new each time that an example of a request has them, so that it
// can be executed again, by whoever tries the page out next as well: `john` is `john-3kx7` while the page
// is open, and what creates him names another one once he exists. The document itself stays as it is.

const UNIQUE = ['username', 'alias', 'name'];

const suffix = () => Math.random().toString(36).slice(2, 6).padEnd(4, '0');

// The members of a body that have to be unique.
const uniqueOf = (body) => UNIQUE.map((member) => body?.[member]).filter((name) => typeof name === 'string');

const bodiesOf = ({ requestBody }) => Object.values(requestBody?.content?.['application/json']?.examples ?? {});

// Whether an operation may be refused because another one has the name.
const claims = (operation) => operation.responses !== undefined && '409' in operation.responses;

// Path, method and definition of each operation.
const operationsIn = ({ paths = {} }) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

// The same value with other names; the keys of its members stay.
function renamed(value, names) {
  if (typeof value === 'string') return names.get(value) ?? value;
  if (Array.isArray(value)) return value.map((item) => renamed(item, names));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, renamed(member, names)]));
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const names = () => {
  // The names that the document has: what is claimed next for each, and what the rest refers to.
  const next = new Map();
  const referred = new Map();

  function read(document) {
    const claimed = operationsIn(document).filter(({ operation }) => claims(operation));
    for (const name of claimed.flatMap(({ operation }) => bodiesOf(operation).flatMap(({ value }) => uniqueOf(value)))) {
      if (next.has(name)) continue;
      next.set(name, `${name}-${suffix()}`);
      referred.set(name, next.get(name));
    }
  }

  // `name` exists from now on: what claims it claims another one, in the editor too if it still says so.
  function renew({ specSelectors, specActions, oas3Selectors, oas3Actions }, name) {
    const documented = [...next.keys()].find((key) => next.get(key) === name);
    if (documented === undefined) return;
    const other = `${documented}-${suffix()}`;
    next.set(documented, other);
    const resolved = specSelectors.specResolvedSubtree([]).toJS();
    for (const { path, method, operation } of operationsIn(resolved).filter(({ operation }) => claims(operation))) {
      const changed = bodiesOf(operation).filter(({ value }) => uniqueOf(value).includes(name));
      if (!changed.length) continue;
      for (const example of changed) example.value = renamed(example.value, new Map([[name, other]]));
      const { examples } = operation.requestBody.content['application/json'];
      const at = ['paths', path, method, 'requestBody', 'content', 'application/json', 'examples'];
      specActions.updateResolvedSubtree(at, examples);
      const body = parsed(oas3Selectors.requestBodyValue(path, method));
      if (!uniqueOf(body).includes(name)) continue;
      const value = JSON.stringify(renamed(body, new Map([[name, other]])), null, 2);
      oas3Actions.setRequestBodyValue({ value, pathMethod: [path, method] });
    }
  }

  return {
    statePlugins: {
      spec: {
        wrapActions: {
          updateJsonSpec: (original) => (document) => {
            read(document);
            return original(document);
          },
          // Swagger UI shows and sends what it has resolved.
          updateResolvedSubtree: (original) => (at, value) => {
            for (const { operation } of at.length ? [] : operationsIn(value)) {
              const known = claims(operation) ? next : referred;
              for (const example of bodiesOf(operation)) example.value = renamed(example.value, known);
            }
            return original(at, value);
          },
          setResponse: (original, system) => (path, method, response) => {
            if (response.ok) {
              const sent = parsed(system.specSelectors.requestFor(path, method)?.get('body'));
              for (const name of uniqueOf(sent)) renew(system, name);
            }
            return original(path, method, response);
          },
        },
      },
    },
  };
};
