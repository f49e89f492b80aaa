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
