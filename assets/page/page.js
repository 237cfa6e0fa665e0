// GraphiQL with what Marquee needs around it: which schema to ask, as whom, and what to begin with.
import { showExamples } from "./examples.js";
import { post, Session } from "./session.js";

const DEFAULT_QUERY = `# Welcome to Marquee.
#
# Choose a schema above, sign in, and press the button with the triangle. “Examples” has operations to begin with.
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
const say = (text) => { element("who").textContent = text; };
const settings = await fetch("/assets/page/settings.json").then((answer) => answer.json());

// ---- Schemas and sessions -------------------------------------------------------------------

const sessions = new Map();
const path = () => element("schema").value || "/graphql";
const schemaName = () => element("schema").selectedOptions[0]?.text ?? "the default";

function session() {
  const own = path();
  if (!sessions.has(own)) sessions.set(own, new Session(own, (reason) => { if (own === path()) showViewer(reason); }));
  return sessions.get(own);
}

/** The schema that the address names, or the one of before in this tab, or the first that has data. */
function choose(schemas) {
  const wanted = [new URLSearchParams(location.search).get("schema"), location.pathname.match(/^\/graphql\/(\w+)/)?.[1]];
  const named = schemas.find(({ name, path }) => wanted.includes(name) || wanted.includes(path));
  if (wanted[0] && !named) say(`There is no schema “${wanted[0]}”; there are ${schemas.map(({ name }) => name).join(", ")}.`);
  const before = schemas.find(({ path }) => path === sessionStorage.getItem("schema"));
  const byDefault = schemas.toSorted((one, other) => Number(other.isDefault) - Number(one.isDefault));
  const full = byDefault.find(({ counts }) => counts?.contents > 0);
  return (named ?? before ?? full ?? byDefault[0])?.path ?? "/graphql";
}

async function showSchemas() {
  const { json } = await post("/graphql", { query: "{ schemas { name path isDefault counts { contents } } }" });
  const schemas = json.data?.schemas ?? [];
  for (const { name, path } of schemas) element("schema").add(new Option(name, path));
  const before = element("who").textContent;
  element("schema").value = choose(schemas);
  const told = element("who").textContent;
  await showViewer(told === before ? undefined : told);
}

async function showViewer(reason) {
  const asked = session();
  let user = null;
  if (asked.isSignedIn) {
    const { data } = await asked.ask({ query: "{ viewer { ... on User { displayName role } } }" }).catch(() => ({}));
    // Somebody has chosen another schema, or signed out meanwhile.
    if (asked !== session()) return;
    user = data?.viewer?.role ? data.viewer : null;
  }
  if (user && settings.adminsOnly && user.role !== "ADMIN") {
    reason = `GraphiQL is for admins here, and ${user.displayName} is not one.`;
    user = null;
    asked.signOut();
  }
  say(user ? `${user.displayName}, ${user.role}` : reason ?? "Not signed in");
  const signedIn = asked.isSignedIn;
  element("sign-in").hidden = signedIn;
  element("sign-out").hidden = !signedIn;
  element("logins").hidden = signedIn || !settings.logins.some(({ schema }) => schema === schemaName());
  showGraphiql(!settings.adminsOnly || user?.role === "ADMIN");
}

async function signIn(email, password) {
  const [asked, schema] = [session(), schemaName()];
  try {
    await asked.signIn(email, password);
    element("password").value = "";
  } catch (problem) {
    const others = element("schema").length > 1 ? " Each schema has accounts of its own; another one can be chosen above." : "";
    say(`Signing in to the schema “${schema}” failed: ${problem.message}${others}`);
  }
}

element("schema").addEventListener("change", () => {
  sessionStorage.setItem("schema", path());
  showViewer();
});
element("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(element("email").value, element("password").value);
});
element("sign-out").addEventListener("click", () => session().signOut());
for (const { role, email, password } of settings.logins) {
  const button = element("logins").appendChild(document.createElement("button"));
  button.type = "button";
  button.textContent = role.toLowerCase();
  button.dataset.login = role;
  button.title = `${email}, ${password}`;
  button.addEventListener("click", () => signIn(email, password));
}

// ---- GraphiQL -------------------------------------------------------------------------------

/** The operations of a document, each with its kind and its name. What GraphiQL knows of it comes a moment late. */
function operationsOf(document) {
  const bare = document.replace(/"""[^]*?"""|"(?:\\.|[^"\\\n])*"|#[^\n]*/g, " ");
  const found = [];
  let depth = 0;
  for (const [token] of bare.matchAll(/[{}()]|\$?\w+/g)) {
    if (depth === 0 && ["query", "mutation", "subscription"].includes(token)) found.push({ kind: token });
    else if (depth === 0 && /^\w/.test(token) && found.length) found.at(-1).name ??= token;
    depth += { "{": 1, "(": 1, "}": -1, ")": -1 }[token] ?? 0;
  }
  return found;
}

function fetcher({ operationName, ...operation }, options) {
  const headers = options?.headers ?? {};
  const operations = operationsOf(operation.query);
  const named = operations.find(({ name }) => name && name === operationName);
  if (named) operation.operationName = operationName;
  return (named ?? operations[0])?.kind === "subscription"
    ? session().subscribe(operation, headers)
    : session().ask(operation, headers);
}

let root = null;

function showGraphiql(isOpen) {
  element("closed").hidden = isOpen;
  element("show-examples").hidden = !isOpen;
  if (!window.GraphiQL || !window.React) return;
  element("missing").hidden = true;
  if (isOpen && !root) {
    const place = element("graphiql").appendChild(document.createElement("div"));
    place.id = "editor";
    root = ReactDOM.createRoot(place);
    root.render(React.createElement(GraphiQL, { fetcher, defaultQuery: DEFAULT_QUERY, shouldPersistHeaders: false }));
  } else if (!isOpen && root) {
    root.unmount();
    element("editor").remove();
    root = null;
    drawer(false);
  }
}

// ---- Examples -------------------------------------------------------------------------------

const isNarrow = () => matchMedia("(max-width: 60rem)").matches;

function drawer(isOpen) {
  element("examples").hidden = !isOpen;
  element("show-examples").ariaExpanded = String(isOpen);
}

/** Shows an operation in a tab of its own. */
async function open(query, variables) {
  document.querySelector(".graphiql-tab-add")?.click();
  // The editors take up the new tab when it is drawn.
  await new Promise((drawn) => { requestAnimationFrame(() => setTimeout(drawn)); });
  const editor = (selector) => document.querySelector(`${selector} .CodeMirror`)?.CodeMirror;
  editor(".graphiql-query-editor")?.setValue(query);
  editor(".graphiql-editor-tool")?.setValue(variables === "{}" ? "" : variables);
  if (isNarrow()) drawer(false);
}

element("show-examples").addEventListener("click", () => drawer(element("examples").hidden));
showExamples(element("examples"), settings.examples, (body) => session().ask(body), open);
await showSchemas().catch((problem) => say(problem.message));
