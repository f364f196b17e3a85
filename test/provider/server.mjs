// The independent provider of the end-to-end tests: oidc-provider, a certified
// OpenID provider that shares no code with sidegate or with its demo. People sign
// in by pressing the button with their name, as on the demo's page.
//
//   node server.mjs NODE_MODULES PORT REDIRECT_URI…
//
// ACCESS_TOKEN_SECONDS in the environment is how long an access token lives. Refresh
// tokens are good once: the second use of one ends the grant.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, port, ...redirectURIs] = process.argv.slice(2);
const { default: Provider, interactionPolicy } = await import(
  pathToFileURL(join(modules, 'oidc-provider', 'lib', 'index.js')).href
);

const accounts = {
  'alice@example.com': 'Alice Example',
  'bob@example.com': 'Bob Błażej', // not ASCII: must survive a header
  'carol@example.com': 'Carol Example',
  'dave@example.com': 'Dave Example',
  'erin@example.com': 'Erin Example',
  'mallory@evil.example': 'Mallory Outsider',
};

// Another address of the site with a redirect URI, which ends in the provider's name
// where the site has several.
const beside = (redirectURI, path) => redirectURI.replace(/callback(\/[a-z0-9]+)?$/, path);

// What access tokens can be for.
const apis = ['https://www.googleapis.com/auth/youtube.readonly'];

// A subject is stable and says nothing: no e-mail in it.
const subject = (email) => createHash('sha256').update(email).digest('hex').slice(0, 16);
const bySubject = new Map(Object.keys(accounts).map((email) => [subject(email), email]));

// prompt=select_account is not among the library's own prompts.
const policy = interactionPolicy.base();
policy.add(new interactionPolicy.Prompt({ name: 'select_account', requestable: true }), 0);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: 'sidegate-e2e',
    client_secret: 'canary-client-secret-of-the-e2e-tests',
    redirect_uris: redirectURIs,
    post_logout_redirect_uris: redirectURIs.map((uri) => beside(uri, 'logout/done')),
    backchannel_logout_uri: beside(redirectURIs[0], 'backchannel-logout'),
    backchannel_logout_session_required: true,
    response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token'],
  }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  conformIdTokenClaims: false, // e-mail and name inside the ID token, as Google does it
  features: {
    devInteractions: { enabled: false },
    revocation: { enabled: true },
    introspection: { enabled: true }, // for the stand-ins of APIs
    backchannelLogout: { enabled: true },
    // Nobody is asked whether they mean it; the form goes off by itself.
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (ctx, form) => {
        ctx.body = `<!doctype html><title>Test provider</title>${form}
<script>const f = document.forms[0]; f.insertAdjacentHTML('beforeend', '<input type="hidden" name="logout" value="yes">'); f.submit()</script>`;
      },
    },
  },
  // Its own dispatcher refuses loopback addresses, where all of a test is.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  interactions: { policy, url: (_, interaction) => `/account/${interaction.uid}` },
  cookies: { keys: ['only the tests use this'] },
  pkce: { required: () => true },
  // Ten tabs that sign in at once make ten sessions here, each replacing the last;
  // their codes are good all the same.
  expiresWithSession: () => false,
  ttl: { Interaction: 600, Session: 3600, Grant: 3600, RefreshToken: 3600, AccessToken: Number(process.env.ACCESS_TOKEN_SECONDS || 3600) },
  scopes: ['openid', 'offline_access', ...apis],
  rotateRefreshToken: true,
  revokeGrantPolicy: () => true, // as at Google: whoever gives an access token back ends the grant
  async findAccount(_, sub) {
    const email = bySubject.get(sub);
    if (!email) return undefined;
    return {
      accountId: sub,
      claims: async () => ({ sub, email, email_verified: true, name: accounts[email] }),
    };
  },
  // Nobody is asked for consent: the client belongs to the provider's owner.
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope(['openid email profile offline_access', ...apis].join(' '));
    await grant.save();
    return grant;
  },
});

const page = () => `<!doctype html><html lang="en"><title>Test provider</title>
<h1>Who are you?</h1><form method="post">
${Object.keys(accounts).map((email) => `<p><button name="account" value="${email}">${email}</button></p>`).join('\n')}
</form>`;

async function account(req, res) {
  await provider.interactionDetails(req, res); // throws when there is none
  if (req.method !== 'POST') {
    res.setHeader('Content-Type', 'text/html; charset=utf-8');
    res.end(page());
    return;
  }
  let body = '';
  for await (const chunk of req) body += chunk;
  const email = new URLSearchParams(body).get('account');
  if (!(email in accounts)) throw new Error('no such account');
  await provider.interactionFinished(req, res, {
    select_account: {},
    consent: {},
    login: { accountId: subject(email) },
  });
}

const handle = provider.callback();
createServer((req, res) => {
  if (!req.url.startsWith('/account/')) {
    handle(req, res);
    return;
  }
  account(req, res).catch((err) => {
    res.statusCode = 400;
    res.end(String(err));
  });
}).listen(Number(port), '127.0.0.1', () => console.log(`provider ready on port ${port}`));

provider.on('server_error', (_, err) => console.error('server_error', err));
provider.on('authorization.error', (_, err) => console.error('authorization.error', err.message));
provider.on('backchannel.success', () => console.log('backchannel logout taken'));
provider.on('backchannel.error', (_, err) => console.error('backchannel.error', err.message, err.cause));
provider.on('revocation.error', (_, err) => console.error('revocation.error', err.message));
provider.on('grant.error', (_, err) => console.error('grant.error', err.message));
