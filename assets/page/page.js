// GraphiQL with what Marquee needs around it: which schema to ask, and as whom.
"use strict";

const DEFAULT_QUERY = `# Welcome to Marquee.
#
# Choose a schema above, sign in, and press the button with the triangle.
{
  recommendations(first: 10) {
    items {
      rank
      score
      content { title year }
      reasons { message }
    }
  }
}
`;

const element = (id) => document.getElementById(id);
// For this tab only, and gone when it closes.
const tokens = {
  get: (path) => sessionStorage.getItem(`token ${path}`),
  set: (path, token) => sessionStorage.setItem(`token ${path}`, token),
  drop: (path) => sessionStorage.removeItem(`token ${path}`),
};

const path = () => element("schema").value || "/graphql";

async function ask(body, token, extraHeaders) {
  const headers = { "content-type": "application/json", accept: "application/graphql-response+json, application/json", ...extraHeaders };
  if (token && !("authorization" in headers) && !("Authorization" in headers)) {
    headers.authorization = `Bearer ${token}`;
  }
  const answer = await fetch(path(), { method: "POST", headers, body: JSON.stringify(body) });
  return answer.json();
}

async function showSchemas() {
  const answer = await ask({ query: "{ schemas { name path } }" });
  for (const schema of answer.data?.schemas ?? []) {
    element("schema").add(new Option(schema.name, schema.path));
  }
  const demo = [...element("schema").options].find((option) => option.text === "demo");
  element("schema").value = new URLSearchParams(location.search).get("schema") ?? demo?.value ?? "/graphql";
  await showViewer();
}

async function showViewer() {
  const token = tokens.get(path());
  let who = "Not signed in";
  if (token) {
    const answer = await ask({ query: "{ viewer { ... on User { displayName role } } }" }, token);
    const user = answer.data?.viewer;
    if (user?.role) {
      who = `${user.displayName}, ${user.role}`;
    } else {
      tokens.drop(path());
    }
  }
  const signedIn = Boolean(tokens.get(path()));
  element("who").textContent = who;
  element("sign-in").hidden = signedIn;
  element("sign-out").hidden = !signedIn;
}

async function signIn(event) {
  event.preventDefault();
  const query = `mutation ($input: LoginInput!) {
    login(input: $input) { tokens { accessToken } errors { ... on UserError { message } } }
  }`;
  const input = { email: element("email").value, password: element("password").value };
  const answer = await ask({ query, variables: { input } });
  const token = answer.data?.login?.tokens?.accessToken;
  if (!token) {
    const error = answer.data?.login?.errors?.[0] ?? answer.errors?.[0];
    element("who").textContent = error?.message ?? "Signing in failed";
    return;
  }
  tokens.set(path(), token);
  element("password").value = "";
  await showViewer();
}

function signOut() {
  const token = tokens.get(path());
  tokens.drop(path());
  ask({ query: "mutation { logout { done } }" }, token).catch(() => {});
  showViewer();
}

element("schema").addEventListener("change", showViewer);
element("sign-in").addEventListener("submit", signIn);
element("sign-out").addEventListener("click", signOut);
showSchemas();

if (window.GraphiQL && window.React) {
  const fetcher = (params, options) => ask(params, tokens.get(path()), options?.headers);
  const graphiql = React.createElement(GraphiQL, { fetcher, defaultQuery: DEFAULT_QUERY, shouldPersistHeaders: false });
  element("graphiql").textContent = "";
  ReactDOM.createRoot(element("graphiql")).render(graphiql);
}
