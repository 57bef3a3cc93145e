(function () {
  "use strict";
  var narrow = window.matchMedia("(max-width: 640px)").matches;
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  var boxes = Array.prototype.slice.call(document.querySelectorAll(".figure"));

  function group(name) {
    return boxes.filter(function (box) { return name && box.dataset.group === name; });
  }

  // On a phone a finger on a figure must scroll the page, and every pixel of margin counts.
  function fit(spec) {
    var layout = spec.layout;
    if (!narrow) { return layout; }
    layout.dragmode = false;
    var fixed = (layout.margin || {});
    layout.margin = { l: Math.min(fixed.l === undefined ? 44 : fixed.l, 44), r: 8, t: fixed.t, b: fixed.b };
    layout.font = { size: 12 };
    // names of buses have no room
    spec.data.forEach(function (trace) { if (trace.meta && trace.meta.labels) { trace.visible = false; } });
    // a map keeps its proportions: what is less wide is less high
    if (layout.yaxis && layout.yaxis.scaleanchor) { layout.height = Math.min(layout.height, 430); }
    return layout;
  }

  // Figures are made for white paper. On dark ground greys turn round and colours become lighter, in their order.
  var brush = document.createElement("canvas").getContext("2d");
  function turned(colour) {
    brush.fillStyle = "#010203";
    brush.fillStyle = colour;
    var told = brush.fillStyle;
    if (told === "#010203" && colour !== told) { return colour; }
    var parts = told[0] === "#" ? [1, 3, 5].map(function (at) { return parseInt(told.substr(at, 2), 16); })
      : told.match(/[\d.]+/g).map(Number);
    var alpha = parts.length > 3 ? parts[3] : 1;
    var high = Math.max(parts[0], parts[1], parts[2]) / 255, low = Math.min(parts[0], parts[1], parts[2]) / 255;
    var light = (high + low) / 2, spread = high - low;
    var full = spread ? spread / (1 - Math.abs(2 * light - 1)) : 0, hue = 0;
    if (spread) {
      var r = parts[0] / 255, g = parts[1] / 255, b = parts[2] / 255;
      hue = 60 * (high === r ? ((g - b) / spread + 6) % 6 : high === g ? (b - r) / spread + 2 : (r - g) / spread + 4);
    }
    if (light > 0.98) { return alpha === 1 ? "#1d2228" : "rgba(29, 34, 40, " + alpha + ")"; }
    light = full < 0.3 ? 0.95 - 0.83 * light : 0.5 + 0.4 * light;
    return "hsla(" + Math.round(hue) + ", " + Math.round(Math.min(full, 0.75) * 100) + "%, " + Math.round(light * 100) + "%, " + alpha + ")";
  }

  function recoloured(value, key) {
    if (typeof value === "string") {
      if (/shadow/.test(key)) { return value.replace(/white/g, "#1d2228"); }
      return /colou?r/.test(key) ? turned(value) : value;
    }
    if (Array.isArray(value)) { return value.map(function (part) { return recoloured(part, key); }); }
    if (value && typeof value === "object") {
      Object.keys(value).forEach(function (name) { value[name] = recoloured(value[name], name); });
    }
    return value;
  }

  // A drawing is always made anew from its data: for the screen, light or dark, or for paper.
  function paint(box, paper) {
    var spec = JSON.parse(box.spec);
    spec.data.forEach(function (trace) { expand(trace, box.shared); });
    if (dark.matches && !paper) { recoloured(spec, ""); }
    var layout = fit(spec);
    if (paper) {
      // two maps on a page
      var map = layout.meta && layout.meta.state;
      Object.assign(layout, { width: 680, autosize: false, height: map ? Math.min(layout.height, 430) : layout.height });
    }
    box.style.height = layout.height ? layout.height + "px" : box.style.height;
    var config = {
      responsive: true, displaylogo: false, displayModeBar: narrow ? false : "hover",
      modeBarButtons: [["zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]]
    };
    var pressed = box.dataset.group && document.querySelector(
      '.toggle[data-group="' + box.dataset.group + '"] button[aria-pressed="true"]');
    if (pressed) {
      spec.data.forEach(function (trace) { if (trace.meta && trace.meta.colour) { trace.visible = isShown(trace, pressed.dataset.choice); } });
    }
    return Plotly.react(box, spec.data, layout, config);
  }

  // What figures have in common is kept once: texts by name, lines as numbers of segments.
  function expand(trace, shared) {
    if (trace.hovertext && trace.hovertext.shared) { trace.hovertext = shared[trace.hovertext.shared]; }
    ["x", "y"].forEach(function (letter) {
      if (trace[letter] && trace[letter].shared && !trace[letter].rows) { trace[letter] = shared[trace[letter].shared]; }
    });
    if (!trace.x || !trace.x.shared) { return; }
    var pool = shared[trace.x.shared], x = [], y = [];
    trace.x.rows.forEach(function (row) {
      x.push.apply(x, pool.x[row]); x.push(null);
      y.push.apply(y, pool.y[row]); y.push(null);
    });
    trace.x = x; trace.y = y;
  }

  var known = {};
  function common(name) {
    known[name] = known[name] || text(name).then(JSON.parse);
    return known[name];
  }

  function draw(box) {
    box.dataset.drawn = "yes";
    return text(box.id + "-data").then(function (spec) {
      box.spec = spec;
      var names = spec.match(/shared-[0-9a-f]{12}(?=")/g) || [];
      return Promise.all(names.map(common)).then(function (found) {
        box.shared = {};
        names.forEach(function (name, k) { box.shared[name] = found[k]; });
        return paint(box, false);
      });
    }).then(function () {
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
      return other === box || !other.spec ? null : Plotly.relayout(other, Object.assign({}, view));
    })).then(function () { following = false; }, function () { following = false; });
  }

  function isShown(trace, choice) { return trace.meta.colour === choice; }

  function choose(toggle, button) {
    toggle.querySelectorAll("button").forEach(function (other) {
      other.setAttribute("aria-pressed", String(other === button));
    });
    group(toggle.dataset.group).filter(function (box) { return box.spec; }).forEach(function (box) {
      var visible = box.data.map(function (trace) { return trace.meta && trace.meta.colour ? isShown(trace, button.dataset.choice) : trace.visible; });
      Plotly.restyle(box, { visible: visible });
    });
  }

  document.querySelectorAll(".toggle[data-group]").forEach(function (toggle) {
    toggle.querySelectorAll("button").forEach(function (button) {
      button.addEventListener("click", function () { choose(toggle, button); });
    });
  });

  // The library of figures is kept packed: the file is a third as large.
  function library() {
    if (!window.DecompressionStream) {
      boxes.forEach(function (box) { box.textContent = "This browser is too old for the figures; all tables are readable."; });
      return new Promise(function () {});
    }
    return text("library").then(function (source) {
      var script = document.createElement("script");
      script.textContent = source;
      document.head.appendChild(script);
    });
  }

  // What stands in an element, unpacked if it is packed.
  function text(id) {
    var element = document.getElementById(id);
    if (element.type.indexOf("gzip") < 0) { return Promise.resolve(element.textContent); }
    var bytes = Uint8Array.from(atob(element.textContent), function (sign) { return sign.charCodeAt(0); });
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }
  var ready = library();

  // Only what is to be seen is drawn, one figure after the other, so that the first screen shows at once.
  function drawShown() {
    boxes.filter(function (box) { return !box.dataset.drawn && !box.closest("[hidden]"); }).reduce(function (before, box) {
      return before.then(function () { return box.dataset.drawn ? null : draw(box); });
    }, ready).then(function () { document.documentElement.dataset.figures = "drawn"; });
  }

  function drawn() { return boxes.filter(function (box) { return box.spec && !box.closest("[hidden]"); }); }

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

  dark.addEventListener("change", function () { boxes.forEach(function (box) { if (box.spec) { paint(box, false); } }); });

  // Paper is narrower than the screen and white, and nobody clicks on it.
  var folded = [];
  window.addEventListener("beforeprint", function () {
    folded = Array.prototype.slice.call(document.querySelectorAll("details:not([open])"));
    folded.forEach(function (part) { part.open = true; });
    drawn().forEach(function (box) { paint(box, true); });
  });
  window.addEventListener("afterprint", function () {
    folded.forEach(function (part) { part.open = false; });
    drawn().forEach(function (box) { paint(box, false); });
  });
})();
