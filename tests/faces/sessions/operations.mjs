// What both pages ask for. Both keep their tokens where all tabs of a site find them.
export const LOGIN = /* GraphQL */ `
  mutation Login($email: EmailAddress!, $password: String!) {
    login(input: { email: $email, password: $password }) {
      tokens { accessToken refreshToken }
      errors { ... on UserError { message } }
    }
  }
`;
export const REFRESH = /* GraphQL */ `
  mutation Refresh($token: String!) {
    refreshToken(input: { refreshToken: $token }) {
      tokens { accessToken refreshToken }
      errors { ... on UserError { message } }
    }
  }
`;
export const VIEWER = /* GraphQL */ `
  query Viewer { viewer { ... on User { id displayName } } }
`;

export const server = new URLSearchParams(location.search).get('server');

// Each page counts how often it was signed out and how often it renewed its tokens.
export const counts = { signedOut: 0, renewed: 0 };

export function save({ accessToken, refreshToken }) {
  localStorage.setItem('token', accessToken);
  localStorage.setItem('refreshToken', refreshToken);
}

export function signedOut() {
  localStorage.clear();
  counts.signedOut += 1;
}
