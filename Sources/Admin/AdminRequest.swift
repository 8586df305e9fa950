/// What a client of the admin server asked for.
public struct AdminRequest: Sendable {
    public enum Method: String, Sendable { case get = "GET", head = "HEAD", post = "POST" }

    public var method: Method
    /// The path as it came, without the query; `/calls`.
    public var path: String
    /// The parameters of the query, decoded; of several with one name the last.
    public var query: [String: String]

    public init(method: Method = .get, path: String, query: [String: String] = [:]) {
        self.method = method
        self.path = path
        self.query = query
    }
}
