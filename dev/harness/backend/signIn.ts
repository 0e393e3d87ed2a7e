import { createBackendModule } from '@backstage/backend-plugin-api';
import {
  authProvidersExtensionPoint,
  createProxyAuthenticator,
  createProxyAuthProviderFactory,
} from '@backstage/plugin-auth-node';

const HEADER = 'x-test-user';

/** Lets anybody sign in as anybody. The tokens that they get are real ones. */
export const signInProvider = createBackendModule({
  pluginId: 'auth',
  moduleId: 'test-provider',
  register({ registerInit }) {
    registerInit({
      deps: { providers: authProvidersExtensionPoint },
      async init({ providers }) {
        providers.registerProvider({
          providerId: 'test',
          factory: createProxyAuthProviderFactory({
            authenticator: createProxyAuthenticator({
              defaultProfileTransform: async () => ({ profile: {} }),
              initialize: () => undefined,
              authenticate: async ({ req }) => ({
                result: String(req.header(HEADER)),
              }),
            }),
            signInResolver: async ({ result }, context) =>
              context.issueToken({ claims: { sub: result, ent: [result] } }),
          }),
        });
      },
    });
  },
});

/**
 * Signs in to a backend that has the provider.
 *
 * @returns the token.
 */
export async function signIn(
  baseUrl: string,
  userEntityRef: string,
): Promise<string> {
  const response = await fetch(`${baseUrl}/api/auth/test/refresh`, {
    headers: {
      [HEADER]: userEntityRef,
      'x-requested-with': 'XMLHttpRequest',
    },
  });
  if (!response.ok) {
    throw new Error(`Could not sign in, ${await response.text()}`);
  }
  const { backstageIdentity } = await response.json();
  return backstageIdentity.token;
}
