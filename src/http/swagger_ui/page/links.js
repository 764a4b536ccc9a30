// Follows the links of the document. What an answer says fills in the paths of the operations that go on
// from it (the id of a new contact, say); a link in the table of responses leads there, and fills in
// the rest.

// The value of a runtime expression of OpenAPI; undefined where this exchange does not have it.
function evaluate(expression, { request, response }) {
  const [, side, place, name] = /^\$(request|response)\.(body#\/|header\.|path\.)(.+)$/.exec(expression) ?? [];
  if (place === 'path.') return request.path(name);
  const { headers, body } = side === 'response' ? response : request;
  if (place === 'header.') return headers?.[name.toLowerCase()];
  const unescape = (token) => token.replaceAll('~1', '/').replaceAll('~0', '~');
  return name?.split('/').map(unescape).reduce((value, token) => value?.[token], body);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// What was asked and answered last at an operation, in the form that expressions ask for.
function exchange({ specSelectors }, path, method, { headers, text }) {
  return {
    request: {
      path: (name) => specSelectors.parameterWithMeta([path, method], name, 'path').get('value'),
      body: parsed(specSelectors.requestFor(path, method)?.get('body')),
    },
    response: { headers, body: parsed(text) },
  };
}

export const links = ({ React: { createElement, createContext, useContext } }) => {
  const Row = createContext();
  const last = {}; // by path, method and status

  const paths = ({ specSelectors }) => specSelectors.specJson().get('paths').toJS();

  // Path, method and definition of the operation with this id.
  function find(system, id) {
    const operations = Object.entries(paths(system)).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    );
    return operations.find(({ operation }) => operation.operationId === id);
  }

  function fillIn(system, { operationId, parameters = {} }, seen, wanted) {
    const target = find(system, operationId);
    for (const parameter of (target?.operation.parameters ?? []).filter(wanted)) {
      const expression = parameters[parameter.name];
      const value = expression && evaluate(expression, seen);
      if (value === undefined) continue;
      const at = [target.path, target.method];
      const is = (one) => one.get('name') === parameter.name && one.get('in') === parameter.in;
      // By its name, for an operation that was never unfolded, and as the field on the page knows it.
      system.specActions.changeParam(at, parameter.name, parameter.in, String(value), false);
      const field = system.specSelectors.specJsonWithResolvedSubtrees().getIn(['paths', ...at, 'parameters']).find(is);
      system.specActions.changeParamByIdentity(at, field, String(value), false);
    }
  }

  return {
    statePlugins: {
      spec: {
        wrapActions: {
          setResponse: (original, system) => (path, method, response) => {
            const action = original(path, method, response);
            // Swagger UI takes a status of 400 and above for an error around the answer.
            const answer = response.error ? response.err?.response : response;
            if (!answer) return action;
            const seen = exchange(system, path, method, answer);
            last[[path, method, answer.status]] = seen;
            const followed = paths(system)[path]?.[method]?.responses?.[answer.status]?.links ?? {};
            for (const link of Object.values(followed)) {
              fillIn(system, link, seen, (parameter) => parameter.in === 'path');
            }
            return action;
          },
        },
      },
    },
    wrapComponents: {
      response: (Response) => (props) =>
        createElement(Row.Provider, { value: [props.path, props.method, props.code] }, createElement(Response, props)),
      operationLink: (_, system) => function Link({ link }) {
        const row = useContext(Row);
        const { description, ...followed } = link.toJS();
        const { operationId } = followed;
        const tag = find(system, operationId)?.operation.tags[0];
        const address = `#/${encodeURIComponent(tag)}/${encodeURIComponent(operationId)}`;
        const go = () => {
          if (last[row]) fillIn(system, followed, last[row], () => true);
          // Swagger UI reads the fragment at the start only.
          system.layoutActions.parseDeepLinkHash(decodeURIComponent(address));
        };
        return createElement(
          'div',
          { className: 'operation-link' },
          createElement('a', { href: address, onClick: go }, operationId),
          createElement('div', null, description),
        );
      },
    },
  };
};
