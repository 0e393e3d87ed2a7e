/*
 * The page for `npm start` and the browser test: the scaffolder's own pages, the catalog that they read, and a sign-in as
 * guest that asks nothing.
 */
import { ProxiedSignInPage } from '@backstage/core-components';
import { createApp } from '@backstage/frontend-defaults';
import { createFrontendModule } from '@backstage/frontend-plugin-api';
import { SignInPageBlueprint } from '@backstage/plugin-app-react';
import catalogPlugin from '@backstage/plugin-catalog/alpha';
import scaffolderPlugin from '@backstage/plugin-scaffolder/alpha';
import '@backstage/ui/css/styles.css';
import { createRoot } from 'react-dom/client';

const signIn = createFrontendModule({
  pluginId: 'app',
  extensions: [
    SignInPageBlueprint.make({
      params: {
        loader: async () => props => (
          <ProxiedSignInPage {...props} provider="guest" />
        ),
      },
    }),
  ],
});

const app = createApp({ features: [signIn, catalogPlugin, scaffolderPlugin] });

createRoot(document.getElementById('root')!).render(app.createRoot());
