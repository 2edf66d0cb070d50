import { mount } from 'svelte';

import App from './App.svelte';
import { listen } from './lib/wallet.svelte';
import './style.css';

listen();
mount(App, { target: document.getElementById('app')! });
