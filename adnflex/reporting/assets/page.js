(function () {
  "use strict";
  var narrow = window.matchMedia("(max-width: 640px)").matches;
  var boxes = Array.prototype.slice.call(document.querySelectorAll(".figure"));

  function group(name) {
    return boxes.filter(function (box) { return name && box.dataset.group === name; });
  }

  // On a phone a finger on a figure must scroll the page, and every pixel of margin counts.
  function fit(layout) {
    if (!narrow) { return layout; }
    layout.dragmode = false;
    var fixed = (layout.margin || {});
    layout.margin = { l: Math.min(fixed.l === undefined ? 44 : fixed.l, 44), r: 8, t: fixed.t, b: fixed.b };
    layout.font = { size: 12 };
    return layout;
  }

  function draw(box) {
    var spec = JSON.parse(document.getElementById(box.id + "-data").textContent);
    var config = {
      responsive: true, displaylogo: false, displayModeBar: narrow ? false : "hover",
      modeBarButtons: [["zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]]
    };
    box.dataset.drawn = "yes";
    return Plotly.newPlot(box, spec.data, fit(spec.layout), config).then(function () {
      box.on("plotly_relayout", function (change) { follow(box, change); });
    });
  }

  // Maps of one group zoom together.
  var following = false;
  function follow(box, change) {
    if (following || !box.dataset.group) { return; }
    var view = {};
    Object.keys(change).forEach(function (key) {
      if (/^[xy]axis\.(range|autorange)/.test(key)) { view[key] = change[key]; }
    });
    if (!Object.keys(view).length) { return; }
    following = true;
    Promise.all(group(box.dataset.group).map(function (other) {
      return other === box ? null : Plotly.relayout(other, Object.assign({}, view));
    })).then(function () { following = false; }, function () { following = false; });
  }

  function choose(toggle, button) {
    toggle.querySelectorAll("button").forEach(function (other) {
      other.setAttribute("aria-pressed", String(other === button));
    });
    group(toggle.dataset.group).filter(function (box) { return box.dataset.drawn; }).forEach(function (box) {
      var visible = box.data.map(function (trace) {
        return !(trace.meta && trace.meta.colour) || trace.meta.colour === button.dataset.choice;
      });
      Plotly.restyle(box, { visible: visible });
    });
  }

  document.querySelectorAll(".toggle[data-group]").forEach(function (toggle) {
    toggle.querySelectorAll("button").forEach(function (button) {
      button.addEventListener("click", function () { choose(toggle, button); });
    });
  });

  // The library of figures is kept packed: the file is less than half as large.
  function unpacked() {
    if (!window.DecompressionStream) {
      boxes.forEach(function (box) { box.textContent = "This browser is too old for the figures; all tables are readable."; });
      return new Promise(function () {});
    }
    var packed = document.getElementById("library");
    var bytes = Uint8Array.from(atob(packed.textContent), function (sign) { return sign.charCodeAt(0); });
    var plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    packed.textContent = "";
    return new Response(plain).text().then(function (text) {
      var library = document.createElement("script");
      library.textContent = text;
      document.head.appendChild(library);
    });
  }
  var ready = unpacked();

  // Only what is to be seen is drawn, one figure after the other, so that the first screen shows at once.
  function drawShown() {
    boxes.filter(function (box) { return !box.dataset.drawn && !box.closest("[hidden]"); }).reduce(function (before, box) {
      return before.then(function () { return box.dataset.drawn ? null : draw(box); });
    }, ready);
  }

  function drawn() { return boxes.filter(function (box) { return box.dataset.drawn && !box.closest("[hidden]"); }); }

  // One variant at a time; a section that has nothing for it goes, and its word in the menu as well.
  function show(name) {
    document.querySelectorAll("[data-variant]").forEach(function (part) { part.hidden = part.dataset.variant.split(" ").indexOf(name) < 0; });
    document.querySelectorAll("main section").forEach(function (section) {
      var parts = Array.prototype.slice.call(section.querySelectorAll("[data-variant]"));
      section.hidden = parts.length > 0 && parts.every(function (part) { return part.hidden; });
      document.querySelectorAll('nav a[href="#' + section.id + '"]').forEach(function (link) { link.hidden = section.hidden; });
    });
    document.querySelectorAll("[data-show]").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.dataset.show === name));
    });
    drawn().forEach(function (box) { Plotly.Plots.resize(box); });
    drawShown();
  }

  var choices = Array.prototype.slice.call(document.querySelectorAll("[data-show]"));
  choices.forEach(function (button) {
    button.addEventListener("click", function () { show(button.dataset.show); });
  });
  if (choices.length) { show(choices[0].parentNode.dataset.opens); } else { drawShown(); }

  // Paper is narrower than the screen.
  window.addEventListener("beforeprint", function () {
    drawn().forEach(function (box) { Plotly.relayout(box, { width: 680, autosize: false }); });
  });
  window.addEventListener("afterprint", function () {
    drawn().forEach(function (box) { Plotly.relayout(box, { width: null, autosize: true }); });
  });
})();
