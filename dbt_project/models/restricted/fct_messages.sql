{{ messages() }}
