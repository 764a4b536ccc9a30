// Requests go to where the page is, whatever address the document names: a proxy that ends TLS need not have
// told the service.

export const servers = () => {
  const root = new URL('..', document.baseURI).href.replace(/\/$/, '');
  const here = (spec) => (spec?.openapi ? { ...spec, servers: [{ url: root }] } : spec);
  return {
    statePlugins: {
      spec: { wrapActions: { updateJsonSpec: (update) => (spec) => update(here(spec)) } },
    },
  };
};
