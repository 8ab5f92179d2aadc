/** Colours on the two backgrounds of GitHub. */
export const LIGHT = {
  name: 'light',
  text: '#1f2328',
  muted: '#59636e',
  ours: '#1f6feb',
  theirs: '#c3cad2',
};

export const DARK = {
  name: 'dark',
  text: '#f0f6fc',
  muted: '#9198a1',
  ours: '#4493f8',
  theirs: '#4b535d',
};
