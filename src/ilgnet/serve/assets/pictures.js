// Pictures on their way. A browser has six connections to one address, and no decision may wait until
// a picture is made: so at most four are asked for at a time, what is looked at now before the rest.

const MOST = 4;
const soon = []; // what is looked at
const later = [];
const going = new Set();

// Gives an image its address as soon as there is room; resolves when it is there.
export function fetchInto(image, address, { first = true } = {}) {
  return new Promise((resolve, reject) => {
    (first ? soon : later).push({ image, address, resolve, reject });
    next();
  });
}

// Nobody looks at it any more.
export function forget(image) {
  for (const queue of [soon, later]) {
    const place = queue.findIndex((each) => each.image === image);
    if (place >= 0) queue.splice(place, 1);
  }
  image.removeAttribute("src");
  if (going.delete(image)) next();
}

function next() {
  while (going.size < MOST && (soon.length || later.length)) {
    const { image, address, resolve, reject } = soon.shift() ?? later.shift();
    going.add(image);
    const over = (settle) => () => {
      if (going.delete(image)) next();
      settle(image);
    };
    image.addEventListener("load", over(resolve), { once: true });
    image.addEventListener("error", over(reject), { once: true });
    image.src = address;
  }
}
