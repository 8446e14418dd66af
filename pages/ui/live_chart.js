// Draws a Plotly figure and, when new data come, hands them to the chart that is there: no flicker, the zoom stays.
// Text and grid take the colours of Streamlit's theme, light or dark, from its CSS variables.

const WAIT_MS = 50;
const CONFIG = {
  displaylogo: false,
  displayModeBar: "hover",
  modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
};

function themed(layout, style) {
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  const ink = read("--st-text-color", "#17242C");
  const grid = read("--st-border-color-light", "rgba(128, 128, 128, 0.25)");
  const axis = (own) => ({ ...own, gridcolor: grid, linecolor: grid, zeroline: false, color: ink });
  return {
    ...layout,
    font: { family: read("--st-font", "sans-serif"), size: 13, color: ink },
    xaxis: { ...axis(layout.xaxis), showgrid: false, fixedrange: false },
    yaxis: axis(layout.yaxis),
    hoverlabel: {
      bgcolor: read("--st-background-color", "#FFFFFF"),
      bordercolor: grid,
      font: { color: ink, size: 13 },
    },
    modebar: { bgcolor: "rgba(0, 0, 0, 0)", color: ink, activecolor: ink },
    autosize: true,
  };
}

export default function (component) {
  const { data, parentElement } = component;
  let box = parentElement.querySelector(":scope > .live-chart");
  if (!box) {
    box = document.createElement("div");
    box.className = "live-chart";
    box.style.width = "100%";
    parentElement.appendChild(box);
    new ResizeObserver(() => box.data && box.clientWidth && globalThis.Plotly.Plots.resize(box)).observe(box);
  }
  box.wanted = data;
  const draw = () => {
    if (box.wanted !== data) return; // Newer data came while waiting.
    if (!globalThis.Plotly) {
      setTimeout(draw, WAIT_MS);
      return;
    }
    const figure = JSON.parse(data.figure);
    box.style.height = `${figure.layout.height}px`;
    box.setAttribute("role", "figure");
    box.setAttribute("aria-label", data.label);
    const layout = themed(figure.layout, getComputedStyle(parentElement.host ?? parentElement));
    globalThis.Plotly.react(box, figure.data, layout, CONFIG);
  };
  draw();
}
