// Not installed here: users bring it, and tensorflow.ts says what is used of it.
declare module "@tensorflow/tfjs";
