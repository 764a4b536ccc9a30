// Imports name files: Node runs the client as it is, without a bundler.
export default {
  input: process.env.document,
  output: { path: 'client', module: { extension: '.js' } },
};
