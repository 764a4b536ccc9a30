// Shows at each operation, folded or not, which permission the key must have.

export const permissions = ({ React: { createElement, Fragment } }) => ({
  wrapComponents: {
    OperationSummaryPath: (Path) => (props) => {
      const schemes = props.operationProps.get('security')?.toJS() ?? [];
      const names = schemes.flatMap((scheme) => Object.values(scheme).flat());
      const badge = (name) =>
        createElement('span', { key: name, className: 'permission', title: 'The permission that the key needs' }, name);
      return createElement(Fragment, null, createElement(Path, props), names.map(badge));
    },
  },
});
