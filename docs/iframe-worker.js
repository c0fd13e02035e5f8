// A page opened from disk may start no worker, and the search of the site is one. Here its script runs in a hidden frame.
// The name is the one by which the plugin "offline" of the theme knows that there is such a file.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.documentElement.append(frame);
      const inside = frame.contentWindow;
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      this.send = (data) => inside.dispatchEvent(new inside.MessageEvent("message", { data }));
      const script = inside.document.createElement("script");
      script.src = url;
      this.started = new Promise((started) => script.addEventListener("load", started));
      inside.document.body.append(script);
    }

    postMessage(data) {
      this.started.then(() => this.send(data));
    }
  };
}
