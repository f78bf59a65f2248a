// Shows an OpenAPI document and sends requests to it. Text is always set as text, never as markup.
"use strict";

const METHODS = ["get", "put", "post", "patch", "delete"];

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function resolve(api, schema) {
  const parts = schema?.$ref?.replace("#/", "").split("/");
  return parts ? parts.reduce((value, part) => value?.[part], api) : schema;
}

/** A value of the shape that a schema describes, to start from. */
function example(api, schema, depth = 0) {
  const shape = resolve(api, schema) ?? {};
  if (shape.example !== undefined) return shape.example;
  if (shape.examples?.length) return shape.examples[0];
  if (shape.enum) return shape.enum[0];
  if (depth > 6) return null;
  const choice = (shape.oneOf ?? shape.anyOf)?.find((one) => one.type !== "null");
  if (choice) return example(api, choice, depth + 1);
  if (shape.allOf) return Object.assign({}, ...shape.allOf.map((part) => example(api, part, depth + 1)));
  const type = Array.isArray(shape.type) ? shape.type.find((one) => one !== "null") : shape.type;
  if (type === "array") return [example(api, shape.items, depth + 1)];
  if (type === "object" || shape.properties) {
    const fields = Object.entries(shape.properties ?? {});
    return Object.fromEntries(fields.map(([name, field]) => [name, example(api, field, depth + 1)]));
  }
  return { integer: 0, number: 0, boolean: false, string: shape.format ?? "" }[type] ?? null;
}

function pretty(value) {
  return JSON.stringify(value, null, 2);
}

function parametersOf(api, item, operation) {
  const all = [...(item.parameters ?? []), ...(operation.parameters ?? [])];
  return all.map((parameter) => {
    const shape = resolve(api, parameter);
    const input = element("input", { className: "wide", required: Boolean(shape.required) });
    input.setAttribute("aria-label", shape.name);
    return { shape, input };
  });
}

async function send(method, path, parameters, body, output) {
  const query = new URLSearchParams();
  const headers = {};
  let url = path;
  for (const { shape, input } of parameters) {
    if (shape.in === "path") url = url.replace(`{${shape.name}}`, encodeURIComponent(input.value));
    if (shape.in === "query" && input.value) query.set(shape.name, input.value);
    if (shape.in === "header" && input.value) headers[shape.name] = input.value;
  }
  const token = document.getElementById("token").value.trim();
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  output.textContent = "Waiting";
  try {
    const asked = query.size ? `${url}?${query}` : url;
    const response = await fetch(asked, { method: method.toUpperCase(), headers, body: body?.value });
    const text = await response.text();
    const type = response.headers.get("content-type") ?? "";
    const shown = type.includes("json") && text ? pretty(JSON.parse(text)) : text.slice(0, 100000);
    output.textContent = `${response.status} ${response.statusText}\n${type}\n\n${shown}`;
  } catch (error) {
    output.textContent = String(error);
  }
}

function fill(api, path, method, item, operation, target) {
  const parameters = parametersOf(api, item, operation);
  if (operation.description) target.append(element("p", { textContent: operation.description }));
  if (parameters.length) {
    const rows = parameters.map(({ shape, input }) =>
      element("tr", {}, element("td", {}, element("code", { textContent: shape.name })),
        element("td", { textContent: `${shape.in}${shape.required ? ", required" : ""}` }),
        element("td", {}, input), element("td", { textContent: shape.description ?? "" })));
    target.append(element("table", {}, ...rows));
  }
  const wanted = operation.requestBody?.content?.["application/json"]?.schema;
  const body = wanted && element("textarea", { rows: 8, value: pretty(example(api, wanted)) });
  if (body) {
    body.setAttribute("aria-label", "request body");
    target.append(element("h4", { textContent: "Body" }), body);
  }
  const output = element("pre", { hidden: true });
  const button = element("button", { textContent: "Send" });
  button.addEventListener("click", () => {
    output.hidden = false;
    send(method, path, parameters, body, output);
  });
  target.append(element("p", {}, button), output, element("h4", { textContent: "Answers" }));
  for (const [status, answer] of Object.entries(operation.responses)) {
    const shape = resolve(api, answer);
    const content = Object.entries(shape.content ?? {})[0];
    const about = `${status} ${shape.description ?? ""} ${content?.[0] ?? ""}`;
    const shown = content?.[1].schema && element("pre", { textContent: pretty(example(api, content[1].schema)) });
    target.append(shown ? element("details", {}, element("summary", { textContent: about }), shown)
      : element("p", { textContent: about }));
  }
}

function panel(api, path, method, item) {
  const operation = item[method];
  const summary = element("summary", {},
    element("span", { className: `method ${method}`, textContent: method.toUpperCase() }),
    element("span", { className: "path", textContent: path }), ` ${operation.summary ?? ""}`);
  const body = element("div", { className: "body" });
  const made = element("details", { id: operation.operationId ?? "" }, summary, body);
  made.dataset.words = `${method} ${path} ${operation.summary ?? ""} ${operation.tags ?? ""}`.toLowerCase();
  made.addEventListener("toggle", () => {
    if (!body.hasChildNodes()) fill(api, path, method, item, operation, body);
  });
  return made;
}

function show(api) {
  const byTag = new Map();
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((name) => item[name])) {
      const tag = item[method].tags?.[0] ?? "other";
      byTag.set(tag, [...(byTag.get(tag) ?? []), panel(api, path, method, item)]);
    }
  }
  const main = document.getElementById("operations");
  main.replaceChildren(element("p", { textContent: api.info.description ?? "" }));
  for (const [tag, panels] of byTag) {
    main.append(element("section", {}, element("h2", { textContent: tag }), ...panels));
  }
}

document.getElementById("find").addEventListener("input", (event) => {
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const one of document.querySelectorAll("details[data-words]")) {
    one.hidden = !words.every((word) => one.dataset.words.includes(word));
  }
});

fetch("/openapi.json")
  .then((response) => response.json())
  .then(show)
  .catch((error) => { document.getElementById("operations").textContent = String(error); });
