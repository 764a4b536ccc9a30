// What Swagger UI leaves to the eye and the mouse, for screen readers and the keyboard too: names of
// fields and buttons, and code that can be scrolled without a mouse.

export const accessibility = ({ React: { createElement, useEffect, useRef } }) => {
  // A component, with something done to its elements whenever it has been drawn.
  const after = (effect) => (Component) =>
    function After(props) {
      const root = useRef(null);
      useEffect(() => effect(root.current, props));
      return createElement('div', { ref: root, className: 'contents' }, createElement(Component, props));
    };

  const name = (selector, label) =>
    after((root, props) => {
      for (const element of root.querySelectorAll(selector)) element.setAttribute('aria-label', label(props));
    });

  const code = after((root) => {
    for (const button of root.querySelectorAll('.copy-to-clipboard button')) button.setAttribute('aria-label', 'Copy');
    const observer = new ResizeObserver((entries) => {
      for (const { target } of entries) {
        const isCut = target.scrollWidth > target.clientWidth || target.scrollHeight > target.clientHeight;
        if (isCut) target.tabIndex = 0;
        else target.removeAttribute('tabindex');
      }
    });
    for (const block of root.querySelectorAll('pre')) observer.observe(block);
    return () => observer.disconnect();
  });

  return {
    wrapComponents: {
      Button: (Button) => (props) => {
        // The names that Swagger UI gives to the buttons of the dialog are not what they show.
        const { 'aria-label': _, ...rest } = props;
        return createElement(Button, rest);
      },
      CloseIcon: (Icon) => (props) =>
        createElement(Icon, { ...props, role: 'img', 'aria-label': 'Close', 'aria-hidden': false }),
      ExamplesSelect: name('select', () => 'Example'),
      HighlightCode: code,
      JsonSchemaForm: name('input, select, textarea', ({ description }) => description),
      Servers: name('select', () => 'Server'),
      TextArea: (TextArea) => (props) => createElement(TextArea, { 'aria-label': 'Request body', ...props }),
    },
  };
};
