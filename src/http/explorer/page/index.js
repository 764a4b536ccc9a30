// Starts Swagger UI with our settings and additions. Every address is relative: a proxy may serve the
// page under any path.

import { examples } from './examples.js';
import { headers } from './headers.js';
import { keptKey } from './key.js';
import { keyboard } from './keyboard.js';
import { links } from './links.js';
import { permissions } from './permissions.js';
import { snippets } from './snippets.js';

const { SwaggerUIBundle } = window;

SwaggerUIBundle({
  url: new URL('../openapi.json', document.baseURI).href,
  dom_id: '#swagger-ui',
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [
    SwaggerUIBundle.plugins.DownloadUrl,
    examples,
    headers,
    keptKey,
    keyboard,
    links,
    permissions,
    snippets,
  ],
  // The standalone layout has a bar on top that invites to documents of other hosts.
  layout: 'BaseLayout',
  // Else Swagger UI asks a validator on the internet about the document.
  validatorUrl: null,
  deepLinking: true,
  filter: true,
  tryItOutEnabled: true,
  displayOperationId: true,
  displayRequestDuration: true,
  requestSnippetsEnabled: true,
  defaultModelsExpandDepth: 0,
});
