// The filter: every word that is typed has to stand in an operation's id, path, method, summary or tag,
// in capitals or not.

const words = (phrase) => phrase.toLowerCase().split(/\s+/).filter(Boolean);

function matches(operation, tag, wanted) {
  const id = operation.getIn(['operation', 'operationId'], '');
  const summary = operation.getIn(['operation', 'summary'], '');
  const text = [tag, id, summary, operation.get('method'), operation.get('path')].join('\n').toLowerCase();
  return wanted.every((word) => text.includes(word));
}

export const filter = ({ React: { createElement } }) => ({
  fn: {
    opsFilter: (sections, phrase) => {
      const wanted = words(phrase);
      return sections
        .map((section, tag) =>
          section.update('operations', (all) => all.filter((operation) => matches(operation, tag, wanted))),
        )
        .filter((section) => section.get('operations').size);
    },
  },
  components: {
    FilterContainer: ({ layoutSelectors, layoutActions }) => {
      const phrase = layoutSelectors.currentFilter();
      return createElement(
        'div',
        { className: 'filter wrapper', role: 'search' },
        createElement('input', {
          className: 'operation-filter-input',
          type: 'search',
          placeholder: 'Filter operations by id, path or summary',
          'aria-label': 'Filter operations by id, path or summary',
          value: typeof phrase === 'string' ? phrase : '',
          onChange: ({ target }) => layoutActions.updateFilter(target.value),
        }),
      );
    },
  },
  wrapComponents: {
    operations: (Operations, { getSystem }) => (props) => {
      const { specSelectors, layoutSelectors } = getSystem();
      const found = specSelectors.taggedOperations().size;
      const phrase = layoutSelectors.currentFilter();
      if (found || typeof phrase !== 'string') return createElement(Operations, props);
      return createElement('p', { className: 'no-match', role: 'status' }, `No operation matches “${phrase.trim()}”.`);
    },
  },
});
