// What Swagger UI leaves to the mouse, for the keyboard too: Escape closes the dialog of the key, and the
// focus goes back to where it was. The link that skips the header moves the focus itself: a fragment
// scrolls, and does not always do that.

export const keyboard = () => {
  let opener = null;
  return {
    afterLoad({ getSystem }) {
      document.querySelector('.skip-link').addEventListener('click', (event) => {
        event.preventDefault();
        document.querySelector('main').focus();
      });
      document.addEventListener('keydown', ({ key }) => {
        const { authSelectors, authActions } = getSystem();
        if (key === 'Escape' && authSelectors.shownDefinitions()) authActions.showDefinitions(false);
      });
    },
    statePlugins: {
      auth: {
        wrapActions: {
          showDefinitions: (original) => (definitions) => {
            if (definitions) opener = document.activeElement;
            else setTimeout(() => opener?.focus());
            return original(definitions);
          },
        },
      },
    },
  };
};
