// Imports name files: Node runs the client as it is, without a bundler.
import { defineConfig } from '@kubb/core';
import { pluginClient } from '@kubb/plugin-client';
import { pluginOas } from '@kubb/plugin-oas';
import { pluginTs } from '@kubb/plugin-ts';

export default defineConfig({
  input: { path: process.env.document },
  output: { path: 'client', extension: { '.ts': '.js' } },
  plugins: [
    pluginOas({ generators: [] }),
    pluginTs({ output: { path: 'types' }, enumType: 'literal' }),
    pluginClient({
      output: { path: 'operations' },
      client: 'fetch',
      dataReturnType: 'full',
      paramsType: 'object',
      pathParamsType: 'object',
    }),
  ],
});
