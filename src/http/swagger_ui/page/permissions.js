// The path of each operation, folded or not, with the permission that the key must have. Swagger UI makes
// the path a link, inside of a button: nothing that a keyboard or a screen reader could tell apart.

export const permissions = ({ React: { createElement, Fragment } }) => ({
  components: {
    OperationSummaryPath: ({ operationProps }) => {
      const path = operationProps.get('path');
      const schemes = operationProps.get('security')?.toJS() ?? [];
      const names = schemes.flatMap((scheme) => Object.values(scheme).flat());
      const badge = (name) =>
        createElement('span', { key: name, className: 'permission', title: 'The permission that the key must have' }, name);
      // Lines break before a slash.
      const parts = path.split(/(?=\/)/).flatMap((part, index) => [createElement('wbr', { key: index }), part]);
      return createElement(
        Fragment,
        null,
        createElement('span', { className: 'opblock-summary-path', 'data-path': path }, ...parts),
        names.map(badge),
      );
    },
  },
});
