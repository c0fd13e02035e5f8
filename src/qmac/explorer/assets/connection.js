// The socket: what arrives goes to handlers by its type; a lost one is opened again.

import { decode } from "./frame.js";

const FIRST_WAIT = 500, LONGEST_WAIT = 5000;

export function connect(handlers) {
  let socket, wait = FIRST_WAIT;

  function open() {
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/socket`);
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => {
      const message = typeof data === "string" ? JSON.parse(data) : decode(data);
      wait = FIRST_WAIT;
      handlers[message.type]?.(message);
    });
    socket.addEventListener("close", ({ code }) => {
      handlers.lost(code);
      setTimeout(open, wait);
      wait = Math.min(2 * wait, LONGEST_WAIT);
    });
  }

  open();
  return {
    send(message) {
      if (socket.readyState !== WebSocket.OPEN) return false;
      socket.send(JSON.stringify(message));
      return true;
    },
  };
}
