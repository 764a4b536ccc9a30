// The request as a command. Swagger UI writes the commands; its own box around them has tabs that the
// keyboard does not reach.

export const snippets = ({ React: { createElement, useState } }) => ({
  components: {
    RequestSnippets({ request, requestSnippetsSelectors, getComponent }) {
      const generators = requestSnippetsSelectors.getSnippetGenerators().toObject();
      const [chosen, choose] = useState(Object.keys(generators)[0]);
      const command = generators[chosen].get('fn')(request);
      const tab = ([name, generator]) =>
        createElement(
          'button',
          { key: name, className: 'btn', 'aria-pressed': name === chosen, onClick: () => choose(name) },
          generator.get('title'),
        );
      return createElement(
        'div',
        { className: 'request-snippets' },
        createElement('h4', null, 'Equivalent command'),
        createElement('div', { className: 'languages', role: 'group' }, Object.entries(generators).map(tab)),
        createElement(
          getComponent('HighlightCode', true),
          { className: 'curl', canCopy: true, language: generators[chosen].get('syntax') },
          command,
        ),
      );
    },
  },
});
