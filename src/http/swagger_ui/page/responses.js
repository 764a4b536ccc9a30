// The table of responses. What nearly every operation can answer (no key, a fault, …) is folded below what
// is particular to this one.

const COMMON = new Set(['401', '403', '405', '406', '408', '413', '414', '415', '429', '431', '500', '503', '507']);

// Where there is no envelope of an error, 503 is an answer like the others: that of a health check.
const isError = (response) =>
  (response.getIn(['content', 'application/json', 'examples']) ?? response.clear()).some((example) =>
    example.hasIn(['value', 'error']),
  );

export const responses = ({ React: { createElement, Fragment } }) => ({
  wrapComponents: {
    responses: (Responses) => (props) => {
      const common = props.responses.filter((response, status) => COMMON.has(status) && isError(response));
      if (!common.size) return createElement(Responses, props);
      const Response = props.getComponent('response');
      const answered = String(props.tryItOutResponse?.get('status'));
      const row = (response, code) =>
        createElement(Response, {
          ...props,
          key: code,
          code,
          response,
          className: code === answered ? 'response_current' : '',
          specPath: props.specPath.push(code),
          controlsAcceptHeader: false,
          contentType: props.producesValue,
          activeExamplesKey: props.oas3Selectors.activeExamplesMember(props.path, props.method, 'responses', code),
        });
      return createElement(
        Fragment,
        null,
        createElement(Responses, { ...props, responses: props.responses.filterNot((_, code) => common.has(code)) }),
        createElement(
          'details',
          { className: 'common-errors', open: common.has(answered) },
          createElement('summary', null, 'Common errors: ', common.keySeq().join(', ')),
          createElement(
            'table',
            { className: 'responses-table', 'aria-label': 'Common errors' },
            createElement('tbody', null, common.map(row).valueSeq().toArray()),
          ),
        ),
      );
    },
  },
});
