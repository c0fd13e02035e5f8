// The explorer in a notebook, by anywidget. FILES, the files of the page by name, is put before this text.

const addresses = {};

// Modules of the page import one another by "./name.js", which nothing serves in a notebook.
function load(name) {
  addresses[name] ??= URL.createObjectURL(new Blob(
    [FILES[name].replace(/from "\.\/([\w.]+)"/g, (_, other) => `from "${load(other)}"`)], { type: "text/javascript" }));
  return addresses[name];
}

function build(el) {
  const host = document.createElement("div"), shadow = host.attachShadow({ mode: "open" });
  const style = document.createElement("style");
  style.textContent = `${FILES["uplot.css"]}\n${FILES["page.css"]}\n.frame { height: auto; }\n@container (min-width: 1101px) { .frame { height: 820px; } }`;
  const page = new DOMParser().parseFromString(FILES["index.html"], "text/html");
  const root = document.importNode(page.getElementById("explorer"), true);
  const isLight = document.body.dataset.jpThemeLight;  // of JupyterLab, which may differ from that of the system
  if (isLight) root.dataset.theme = isLight === "true" ? "light" : "dark";
  shadow.append(style, root);
  el.append(host);
  return root;
}

async function render({ model, el }) {
  const [{ mount }, { decode }] = await Promise.all(["explorer.js", "frame.js"].map((name) => import(load(name))));
  let stop = () => {};

  function connect(handlers) {
    const take = (content, buffers = []) => {
      const [view] = buffers;
      const message = view ? decode(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength)) : content;
      handlers[message.type]?.(message);
    };
    model.on("msg:custom", take);
    stop = () => model.off("msg:custom", take);
    setTimeout(() => model.send({ type: "hello" }));
    return {
      send(message) {
        model.send(message);
        return true;
      },
    };
  }

  const bar = {
    get text() { return model.get("state"); },
    set text(text) {
      if (text === model.get("state")) return;
      model.set("state", text);
      model.save_changes();
    },
  };
  const explorer = mount(build(el), { connect, bar });
  el.explored = explorer.explored;
  return () => {
    stop();
    explorer.close();
  };
}

export default { render };
