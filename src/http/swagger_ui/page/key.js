// Keeps the key while its tab is open. Swagger UI itself could only keep it in localStorage, where it
// would outlive the tab and be seen by every other one.

// Services beside each other on a host differ in their paths.
const NAME = `key for ${new URL('.', document.baseURI).pathname}`;

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(NAME));
  } catch {
    return null; // what stands there is not ours, or the browser has no storage for us
  }
}

function write(authorized) {
  try {
    if (Object.keys(authorized).length) sessionStorage.setItem(NAME, JSON.stringify(authorized));
    else sessionStorage.removeItem(NAME);
  } catch {
    // Then the key lives as long as the page.
  }
}

export const keptKey = () => ({
  statePlugins: {
    auth: {
      wrapActions: {
        // Swagger UI calls it after every change of the keys.
        persistAuthorizationIfNeeded: (_, { authSelectors }) => () => write(authSelectors.authorized().toJS()),
      },
    },
    configs: {
      wrapActions: {
        loaded: (original, { authActions }) => (...args) => {
          const authorized = read();
          if (authorized) authActions.restoreAuthorization({ authorized });
          return original(...args);
        },
      },
    },
  },
});
