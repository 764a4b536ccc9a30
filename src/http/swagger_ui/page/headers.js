// The headers of a response in one line, and in full at a click: they are many and mostly the same.

export const headers = ({ React: { createElement } }) => ({
  wrapComponents: {
    headers: (Headers) => (props) => {
      const names = props.headers?.keySeq().toArray() ?? [];
      if (!names.length) return null;
      return createElement(
        'details',
        { className: 'headers-in-short' },
        createElement('summary', null, 'Headers: ', names.join(', ')),
        createElement(Headers, props),
      );
    },
  },
});
