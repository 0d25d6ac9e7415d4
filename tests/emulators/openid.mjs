// An OpenID provider that gives programs access tokens, and whose keys can be replaced while it runs: POST /keys?keep=N
// signs with new ones from then on, and publishes the N latest sets beside them. There is a client for each algorithm.
// Arguments: the folder of node_modules, the port to listen on, the clients' secret.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, port, secret] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(join(modules, "oidc-provider", "lib", "index.js")));
const algorithms = ["RS256", "PS256", "ES256", "EdDSA"];
const scope = "connectors:read connectors:write connectors:admin";

function newKeys() {
  const pairs = {
    RS256: generateKeyPairSync("rsa", { modulusLength: 2048 }),
    PS256: generateKeyPairSync("rsa", { modulusLength: 2048 }),
    ES256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
    EdDSA: generateKeyPairSync("ed25519"),
  };
  const parts = (alg) => pairs[alg].privateKey.export({ format: "jwk" });
  return algorithms.map((alg) => ({ ...parts(alg), alg, use: "sig", kid: randomUUID() }));
}

function application() {
  const client = (alg) => ({
    client_id: alg,
    client_secret: secret,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
  });
  const server = (_, audience, { clientId: alg }) => ({
    audience,
    scope,
    accessTokenFormat: "jwt",
    accessTokenTTL: 600,
    jwt: { sign: { alg } },
  });
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: algorithms.map(client),
    enabledJWA: { idTokenSigningAlgValues: algorithms },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: { enabled: true, getResourceServerInfo: server },
    },
    jwks: { keys: generations.flat() },
    scopes: scope.split(" "),
  });
  return provider.callback();
}

let generations = [newKeys()];
let answer = application();
createServer((request, response) => {
  const url = new URL(request.url, "http://127.0.0.1");
  if (url.pathname !== "/keys") return answer(request, response);
  generations = [newKeys(), ...generations.slice(0, Number(url.searchParams.get("keep")))];
  answer = application();
  response.writeHead(204).end();
}).listen(Number(port), "127.0.0.1");
