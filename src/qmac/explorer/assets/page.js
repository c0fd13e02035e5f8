// The page of `qmac explore`: the explorer, a socket, and its state in the bar of addresses.

import { connect } from "./connection.js";
import { mount } from "./explorer.js";

const bar = {
  get text() { return location.hash.slice(1); },
  set text(text) {
    if (text !== this.text) history.replaceState(null, "", text ? `/#${text}` : "/");
  },
};

const explorer = mount(document.getElementById("explorer"), {
  connect, bar, onBegin: ({ name }) => { document.title = `${name}: qmac explore`; },
});
globalThis.explored = explorer.explored;
addEventListener("hashchange", explorer.reread);
if (location.search) history.replaceState(null, "", `/${location.hash}`);
