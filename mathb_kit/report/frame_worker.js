"use strict";
// Browsers start no worker from a file, and the site's search wants one. Opened from files, the worker's script runs in
// a hidden frame instead, which hears and says what a worker would. The theme looks for the name IFrameWorker.
if (location.protocol === "file:") {
  window.Worker = window.IFrameWorker = class extends EventTarget {
    constructor(address) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inside = frame.contentWindow;
      inside.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }));
      inside.importScripts = (...some) => Promise.all(some.map(one => this.#load(inside, one)));
      this.#ready = this.#load(inside, address).then(() => inside);
    }
    #ready;
    #load(inside, address) {
      return new Promise((done, failed) => {
        const script = inside.document.createElement("script");
        script.src = new URL(address, location.href).href;
        script.onload = done;
        script.onerror = failed;
        inside.document.body.append(script);
      });
    }
    postMessage(data) {
      this.#ready.then(inside => inside.dispatchEvent(new MessageEvent("message", { data })));
    }
    terminate() {}
  };
}
