// The 3-D view: the membranes in the tomogram's box, lengths in nm, z upward.
import * as THREE from "three";
import { OrbitControls } from "orbit";

const stage = document.getElementById("space");
const data = JSON.parse(document.getElementById("data").textContent);
const { box, meshes, shades } = data.space;
const state = { colouring: "membrane", chosen: null, hidden: new Set(), slice: null };
const AZIMUTH = -62 * Math.PI / 180, ELEVATION = 30 * Math.PI / 180;
const GLASS = 0.34, BACKGROUND = 0.1;

// ---- data
const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));

function geometryOf(mesh) {
  const steps = new Uint16Array(bytes(mesh.points).buffer);
  const points = new Float32Array(steps.length);
  for (let k = 0; k < steps.length; k++) points[k] = mesh.low[k % 3] + steps[k] * mesh.step[k % 3];
  const corners = bytes(mesh.faces).buffer;
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.BufferAttribute(points, 3));
  geometry.setAttribute("color", new THREE.BufferAttribute(new Float32Array(points.length), 3));
  const Index = mesh.wide ? Uint32Array : Uint16Array;
  geometry.setIndex(new THREE.BufferAttribute(new Index(corners), 1));
  geometry.computeVertexNormals();
  return geometry;
}

function softened(mesh, geometry) { // the flag averaged over neighbours: a border without teeth
  let share = Float32Array.from(bytes(mesh.seen));
  const corners = geometry.index.array;
  for (let round = 0; round < 2; round++) {
    const sum = Float32Array.from(share), count = new Float32Array(share.length).fill(1);
    for (let k = 0; k < corners.length; k++) {
      const from = corners[k], to = corners[k - k % 3 + (k + 1) % 3];
      sum[from] += share[to];
      count[from] += 1;
    }
    share = sum.map((value, vertex) => value / count[vertex]);
  }
  return share;
}

const rgb = text => new THREE.Color(text).toArray();
function ramp(palette) { // 256 colours; number 0 stands for "unknown"
  const stops = palette.map(text => new THREE.Color(text));
  const table = [rgb("#c9ced4")];
  for (let k = 1; k < 256; k++) {
    const place = (k - 1) / 254 * (stops.length - 1), low = Math.min(stops.length - 2, place | 0);
    table.push(stops[low].clone().lerp(stops[low + 1], place - low).toArray());
  }
  return table;
}
const tables = Object.fromEntries(
  Object.entries(shades).map(([name, shade]) => [name, ramp(shade.palette)]));

function colour(body) {
  const mesh = body.userData.mesh, colours = body.geometry.getAttribute("color");
  const values = mesh.values[state.colouring];
  let pick;
  if (tables[state.colouring]) {
    const codes = values ? bytes(values) : new Uint8Array(colours.count);
    pick = vertex => tables[state.colouring][codes[vertex]];
  } else {
    const seen = body.userData.seen;
    const two = state.colouring === "seen"
      ? [rgb(data.inferred), rgb(data.seen)] : [rgb(mesh.pale), rgb(mesh.colour)];
    pick = vertex => two[0].map((part, k) => part + seen[vertex] * (two[1][k] - part));
  }
  for (let vertex = 0; vertex < colours.count; vertex++) colours.setXYZ(vertex, ...pick(vertex));
  colours.needsUpdate = true;
}

// ---- scene
const renderer = new THREE.WebGLRenderer({ antialias: true, alpha: true,
  preserveDrawingBuffer: true });
renderer.localClippingEnabled = true;
renderer.setPixelRatio(Math.min(2, window.devicePixelRatio));
stage.prepend(renderer.domElement);

const scene = new THREE.Scene();
const camera = new THREE.PerspectiveCamera(28, 1.6, 1, 1e6);
camera.up.set(0, 0, 1);
const light = new THREE.DirectionalLight(0xffffff, 2.1);
light.position.set(-0.5, 0.8, 1);
camera.add(light);
scene.add(camera, new THREE.HemisphereLight(0xffffff, 0xaab4c0, 1.5));

const low = new THREE.Vector3(...box[0]), high = new THREE.Vector3(...box[1]);
const middle = low.clone().add(high).multiplyScalar(0.5);
const size = high.clone().sub(low);
const frame = new THREE.Group();
scene.add(frame);
function drawBox() {
  const edges = new THREE.EdgesGeometry(new THREE.BoxGeometry(size.x, size.y, size.z));
  const lines = new THREE.LineSegments(edges, new THREE.LineBasicMaterial({ color: 0x9eaab6 }));
  lines.position.copy(middle);
  frame.add(lines);
  const gap = 0.035 * size.length();
  const names = [
    [`x  ${Math.round(size.x)} nm`, "center", middle.x, low.y - gap, low.z],
    [`y  ${Math.round(size.y)} nm`, "left", high.x + gap, middle.y, low.z],
    [`z  ${Math.round(size.z)} nm`, "left", high.x + gap, high.y, middle.z],
  ];
  names.forEach(([text, side, x, y, z]) =>
    frame.add(writing(text, side, new THREE.Vector3(x, y, z))));
}

function writing(text, side, place) { // "left": the text begins at its place
  const canvas = document.createElement("canvas");
  canvas.width = 512;
  canvas.height = 96;
  const pen = canvas.getContext("2d");
  pen.font = "500 52px system-ui, sans-serif";
  pen.fillStyle = "#667380";
  pen.textAlign = side;
  pen.textBaseline = "middle";
  pen.fillText(text, side === "left" ? 0 : 256, 48);
  const texture = new THREE.CanvasTexture(canvas);
  texture.colorSpace = THREE.SRGBColorSpace;
  const sprite = new THREE.Sprite(
    new THREE.SpriteMaterial({ map: texture, depthTest: false, sizeAttenuation: false }));
  sprite.scale.set(0.11, 0.0206, 1);
  sprite.position.copy(place);
  if (side === "left") sprite.center.set(0, 0.5);
  sprite.renderOrder = 3;
  return sprite;
}

const bodies = meshes.map(mesh => {
  const material = new THREE.MeshStandardMaterial({ vertexColors: true, roughness: 0.72,
    metalness: 0, side: THREE.DoubleSide });
  const body = new THREE.Mesh(geometryOf(mesh), material);
  body.userData = { mesh, seen: softened(mesh, body.geometry) };
  scene.add(body);
  return body;
});

const cut = new THREE.Plane();
const sheet = new THREE.Mesh(new THREE.PlaneGeometry(1, 1),
  new THREE.MeshBasicMaterial({ side: THREE.DoubleSide, toneMapped: false, transparent: true }));
sheet.visible = false;
scene.add(sheet);
const loader = new THREE.TextureLoader();

// ---- what is shown
const ticked = name => document.querySelector(`#steering input[name=${name}]`).checked;
let stale = true;
const redraw = () => { stale = true; };

function appearance() {
  const cutting = ticked("cut") && state.slice !== null;
  bodies.forEach(body => {
    const { label, glass } = body.userData.mesh, material = body.material;
    const other = state.chosen !== null && state.chosen !== label;
    const opacity = other ? BACKGROUND : glass && state.chosen === null ? GLASS : 1;
    body.visible = !state.hidden.has(label);
    if (material.transparent !== opacity < 1) material.needsUpdate = true;
    material.transparent = opacity < 1;
    material.opacity = opacity;
    material.depthWrite = opacity === 1;
    material.clippingPlanes = cutting ? [cut] : [];
    body.renderOrder = opacity < 1 ? 1 : 0;
  });
  frame.visible = ticked("box");
  sheet.visible = ticked("sheet") && state.slice !== null;
  sheet.material.opacity = cutting ? 0.7 : 1;
  stage.dataset.shown = bodies.filter(body => body.visible).length;
  stage.dataset.chosen = state.chosen ?? "";
  stage.dataset.colouring = state.colouring;
  redraw();
}

function recolour() {
  bodies.forEach(colour);
  const legend = document.querySelector("#steering .legend"), shade = shades[state.colouring];
  if (shade) {
    const bar = `linear-gradient(90deg,${shade.palette.join(",")})`;
    legend.innerHTML = '<div class="ramp"></div><div class="ends"><span></span><span></span></div>'
      + "grey: unknown";
    legend.querySelector(".ramp").style.background = bar;
    legend.querySelector("span").textContent = `${shade.low ? "≤ " : ""}${shade.low} ${shade.unit}`;
    legend.querySelector("span:last-child").textContent = `≥ ${shade.high} ${shade.unit}`;
  } else {
    const [seen, inferred] = state.colouring === "seen"
      ? [data.seen, data.inferred] : ["#5d6b79", "#c3cad1"];
    legend.innerHTML = '<div class="two"><span><i class="swatch"></i> seen</span>'
      + '<span><i class="swatch"></i> inferred</span></div>';
    const marks = legend.querySelectorAll("i");
    marks[0].style.background = seen;
    marks[1].style.background = inferred;
  }
  appearance();
}

function placeSlice({ view, level }) {
  const { levels, extent_nm: [left, right, bottom, top] } = data.slices[view];
  const { place_nm: place, tomogram } = levels[level];
  state.slice = view;
  sheet.scale.set(right - left, top - bottom, 1);
  if (view === "xy") {
    sheet.rotation.set(0, 0, 0);
    sheet.position.set((left + right) / 2, (bottom + top) / 2, place);
    cut.set(new THREE.Vector3(0, 0, -1), place);
  } else {
    sheet.rotation.set(Math.PI / 2, 0, 0);
    sheet.position.set((left + right) / 2, place, (bottom + top) / 2);
    cut.set(new THREE.Vector3(0, 1, 0), -place);
  }
  loader.load(tomogram, texture => {
    texture.colorSpace = THREE.SRGBColorSpace;
    sheet.material.map?.dispose();
    sheet.material.map = texture;
    sheet.material.needsUpdate = true;
    stage.dataset.sheet = "drawn";
    redraw();
  });
  appearance();
}

// ---- looking around
const controls = new OrbitControls(camera, renderer.domElement);
controls.enableDamping = true;
controls.dampingFactor = 0.12;
controls.addEventListener("change", redraw);

function lookAtAll() {
  const toward = new THREE.Vector3(Math.cos(ELEVATION) * Math.cos(AZIMUTH),
    Math.cos(ELEVATION) * Math.sin(AZIMUTH), Math.sin(ELEVATION));
  const half = Math.tan(camera.fov * Math.PI / 360);
  camera.aspect = stage.clientWidth / stage.clientHeight;
  const right = new THREE.Vector3(0, 0, 1).cross(toward).normalize();
  const up = toward.clone().cross(right);
  let distance = 0; // from which every corner of the box is in the picture
  for (let corner = 0; corner < 8; corner++) {
    const place = new THREE.Vector3(corner & 1 ? 1 : -1, corner & 2 ? 1 : -1, corner & 4 ? 1 : -1)
      .multiply(size).multiplyScalar(0.5);
    const needed = Math.max(Math.abs(place.dot(up)) / half,
      1.2 * Math.abs(place.dot(right)) / half / camera.aspect); // room for the names
    distance = Math.max(distance, 1.03 * needed + place.dot(toward));
  }
  controls.target.copy(middle);
  camera.position.copy(middle).addScaledVector(toward, distance);
  camera.near = distance / 100;
  camera.far = distance * 20;
  controls.minDistance = size.length() / 50;
  controls.maxDistance = distance * 5;
  camera.updateProjectionMatrix();
  controls.update();
  redraw();
}

function fit() {
  camera.aspect = stage.clientWidth / stage.clientHeight;
  camera.updateProjectionMatrix();
  renderer.setSize(stage.clientWidth, stage.clientHeight, false);
  redraw();
}

let pressed = null;
renderer.domElement.addEventListener("pointerdown", event => {
  pressed = [event.clientX, event.clientY];
});
renderer.domElement.addEventListener("pointerup", event => {
  if (!pressed || Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > 4) return;
  const area = renderer.domElement.getBoundingClientRect();
  const place = new THREE.Vector2((event.clientX - area.left) / area.width * 2 - 1,
    1 - (event.clientY - area.top) / area.height * 2);
  const ray = new THREE.Raycaster();
  ray.setFromCamera(place, camera);
  const solid = body => body.visible && (state.chosen !== null || !body.userData.mesh.glass);
  const kept = hit =>
    hit.object.material.clippingPlanes.every(plane => plane.distanceToPoint(hit.point) >= 0);
  const first = wanted => ray.intersectObjects(bodies.filter(wanted)).find(kept);
  const hit = first(solid) ?? first(body => body.visible);
  const detail = hit ? hit.object.userData.mesh.label : null;
  document.dispatchEvent(new CustomEvent("pick", { detail }));
});

document.addEventListener("choose", event => { state.chosen = event.detail; appearance(); });
document.addEventListener("show", event => { state.hidden = event.detail; appearance(); });
document.addEventListener("slice", event => placeSlice(event.detail));
document.querySelectorAll("#steering input[name=colouring]").forEach(box =>
  box.addEventListener("change", () => { state.colouring = box.value; recolour(); }));
document.querySelectorAll("#steering input[type=checkbox]").forEach(box =>
  box.addEventListener("change", appearance));
document.getElementById("whole").addEventListener("click", lookAtAll);
new ResizeObserver(fit).observe(stage);

drawBox();
fit();
lookAtAll();
recolour();
document.dispatchEvent(new CustomEvent("again")); // so that the slice is known here too
stage.classList.add("live");
renderer.setAnimationLoop(() => {
  controls.update();
  if (!stale) return;
  stale = false;
  renderer.render(scene, camera);
  stage.dataset.drawn = Number(stage.dataset.drawn || 0) + 1;
});
