// Browsers give a page that is opened as a file none of its modules: it would stay as it is,
// unable to do anything and without a word. No module itself, this says so.
if (location.protocol === "file:") {
  addEventListener("DOMContentLoaded", () => {
    const words = [
      ["h1", "Delicate has to be served"],
      [
        "p",
        "Browsers do not run this page when it is opened as a file. Nothing is wrong with it: it only has to come from a server, which may be this computer.",
      ],
      ["p", "In a terminal, in the folder that holds this file:"],
      ["pre", "python3 serve.py"],
      [
        "p",
        "Then open the address that it shows. README.txt in the same folder has other ways, and what to do on the web.",
      ],
    ];
    const main = document.createElement("main");
    for (const [tag, text] of words) {
      const part = document.createElement(tag);
      part.textContent = text;
      main.append(part);
    }
    document.body.replaceChildren(main);
  });
}

// Whatever keeps the page's own script from starting is told here, for it can tell nothing itself.
addEventListener(
  "error",
  ({ target, message }) => {
    const isScript = target instanceof HTMLScriptElement;
    if (document.documentElement.dataset.started === "true" || !(isScript || message)) return;
    const text = isScript
      ? "A script of this page could not be fetched. Check the network, then reload the page."
      : `This page could not start: ${message}. Reload it; if that does not help, use a current version of Chrome, Edge, Firefox or Safari.`;
    const tell = () => {
      const place = document.getElementById("message");
      if (place === null) return;
      place.textContent = text;
      place.hidden = false;
    };
    if (document.readyState === "loading") addEventListener("DOMContentLoaded", tell);
    else tell();
  },
  // What elements fail to fetch does not bubble.
  true,
);
