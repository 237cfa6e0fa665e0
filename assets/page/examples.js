// The drawer of operations to begin with, by who may run them.

const ROLES = [["EVERYBODY", "For everybody"], ["USER", "For who is signed in"], ["CURATOR", "For curators"], ["ADMIN", "For admins"]];

const tomorrow = () => new Date(Date.now() + 24 * 3600 * 1000).toISOString().slice(0, 10);

/** The slate for tomorrow evening of the first channel of ours. */
async function slate(ask) {
  const { data } = await ask({ query: "{ channels(own: true, first: 1) { nodes { id } } }" });
  const variables = { channelId: data.channels.nodes[0].id, date: tomorrow() };
  const query = "query ($channelId: ID!, $date: NaiveDate!) { slate(channelId: $channelId, date: $date, hour: 21) { id items { content { id } } } }";
  return (await ask({ query, variables })).data.slate;
}

// What stands for an id in sample variables, and how one is found: a query and what to take of its data, or a
// function of `ask`.
const FINDS = {
  "<content>": ["{ contents(first: 1) { nodes { id } } }", (data) => data.contents.nodes[0].id],
  "<person>": ["{ people(first: 1) { nodes { id } } }", (data) => data.people.nodes[0].id],
  "<viewer>": ["{ viewer { ... on User { id } } }", (data) => data.viewer.id],
  "<user>": ["{ users(first: 1) { nodes { id } } }", (data) => data.users.nodes[0].id],
  "<channel>": ["{ channels(first: 1) { nodes { id } } }", (data) => data.channels.nodes[0].id],
  "<job>": ["{ jobs(first: 1) { nodes { id } } }", (data) => data.jobs.nodes[0].id],
  "<upload>": ["{ uploads(first: 1) { nodes { id } } }", (data) => data.uploads.nodes[0].id],
  "<model>": ["{ models(first: 1) { nodes { id } } }", (data) => data.models.nodes[0].id],
  "<apiKey>": ["{ apiKeys(first: 1) { nodes { id } } }", (data) => data.apiKeys.nodes[0].id],
  "<interaction>": ["{ interactions(first: 1) { nodes { id } } }", (data) => data.interactions.nodes[0].id],
  "<channel>": ["{ channels(own: true, first: 1) { nodes { id } } }", (data) => data.channels.nodes[0].id],
  "<experiment>": ["{ experiments(first: 1) { nodes { id } } }", (data) => data.experiments.nodes[0].id],
  "<tomorrow>": tomorrow,
  "<slate>": async (ask) => (await slate(ask)).id,
  "<slateFilm>": async (ask) => (await slate(ask)).items[0].content.id,
  "<list>": ["{ recommendations(first: 1) { id } }", (data) => data.recommendations.id],
  "<attributionToken>": ["{ recommendations(first: 1) { items { attributionToken } } }", (data) => data.recommendations.items[0].attributionToken],
};

/** The variables with ids in place of what stands for them, as far as there are any. */
async function fillIn(variables, ask) {
  let text = JSON.stringify(variables, null, 2);
  for (const [placeholder, find] of Object.entries(FINDS)) {
    if (!text.includes(JSON.stringify(placeholder))) continue;
    try {
      const found = Array.isArray(find) ? find[1]((await ask({ query: find[0] })).data) : await find(ask);
      if (found) text = text.replaceAll(JSON.stringify(placeholder), JSON.stringify(found));
    } catch {
      // There is none, or not for this viewer: the placeholder says what belongs there.
    }
  }
  return text;
}

/** Fills the drawer. `ask` sends an operation, `open` shows one with its variables. */
export function showExamples(drawer, examples, ask, open) {
  const list = drawer.querySelector("#example-list");
  for (const [role, title] of ROLES) {
    const some = examples.filter((example) => example.role === role);
    if (!some.length) continue;
    const section = list.appendChild(document.createElement("section"));
    section.appendChild(document.createElement("h2")).textContent = title;
    for (const example of some) {
      const button = section.appendChild(document.createElement("button"));
      button.type = "button";
      button.dataset.example = example.name;
      button.append(Object.assign(document.createElement("strong"), { textContent: example.name }),
        Object.assign(document.createElement("em"), { textContent: example.kind }),
        Object.assign(document.createElement("span"), { textContent: example.description }));
      button.addEventListener("click", async () => {
        button.disabled = true;
        try {
          open(`# ${example.description}\n${example.document}\n`, await fillIn(example.variables, ask));
        } finally {
          button.disabled = false;
        }
      });
    }
  }
  drawer.querySelector("#find-example").addEventListener("input", ({ target }) => {
    const words = target.value.toLowerCase().split(/\s+/);
    for (const section of list.children) {
      let any = false;
      for (const button of section.querySelectorAll("button")) {
        button.hidden = !words.every((word) => button.textContent.toLowerCase().includes(word));
        any ||= !button.hidden;
      }
      section.hidden = !any;
    }
  });
}
