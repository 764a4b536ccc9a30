// Starts Swagger UI with our settings and additions. Every address is relative: a proxy may serve the
// page under any path.

import { accessibility } from './accessibility.js';
import { examples } from './examples.js';
import { filter } from './filter.js';
import { headers } from './headers.js';
import { keptKey } from './key.js';
import { keyboard } from './keyboard.js';
import { links } from './links.js';
import { names } from './names.js';
import { permissions } from './permissions.js';
import { responses } from './responses.js';
import { servers } from './servers.js';
import { snippets } from './snippets.js';
import './theme.js';

const { SwaggerUIBundle } = window;

SwaggerUIBundle({
  // The document that the page names as its own (RFC 8631).
  url: document.querySelector('link[rel="service-desc"]').href,
  dom_id: '#swagger-ui',
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [
    SwaggerUIBundle.plugins.DownloadUrl,
    accessibility,
    examples,
    filter,
    headers,
    keptKey,
    keyboard,
    links,
    names,
    permissions,
    responses,
    servers,
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
