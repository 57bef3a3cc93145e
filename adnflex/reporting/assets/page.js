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
    group(toggle.dataset.group).forEach(function (box) {
      var visible = box.data.map(function (trace) {
        return !(trace.meta && trace.meta.colour) || trace.meta.colour === button.dataset.choice;
      });
      Plotly.restyle(box, { visible: visible });
    });
  }

  document.querySelectorAll(".toggle").forEach(function (toggle) {
    toggle.querySelectorAll("button").forEach(function (button) {
      button.addEventListener("click", function () { choose(toggle, button); });
    });
  });

  // One figure after the other, so that the first screen shows at once.
  boxes.reduce(function (before, box) { return before.then(function () { return draw(box); }); }, Promise.resolve());

  // Paper is narrower than the screen.
  window.addEventListener("beforeprint", function () {
    boxes.forEach(function (box) { Plotly.relayout(box, { width: 680, autosize: false }); });
  });
  window.addEventListener("afterprint", function () {
    boxes.forEach(function (box) { Plotly.relayout(box, { width: null, autosize: true }); });
  });
})();
