// Code generated from format.libsonnet by the test of this package; DO NOT EDIT.

package trees

import "github.com/google/go-jsonnet/ast"

// Format is the tree of format.libsonnet. Its places are in no file.
var Format ast.Node = &ast.Local{
	Binds: ast.LocalBinds{
		{
			Body: &ast.Index{
				Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
				Index:    &ast.LiteralString{Value: "type", Kind: 1},
				NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
			},
			Variable: "type",
		},
		{
			Body: &ast.Index{
				Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
				Index:    &ast.LiteralString{Value: "length", Kind: 1},
				NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
			},
			Variable: "length",
		},
		{
			Body: &ast.Index{
				Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
				Index:    &ast.LiteralString{Value: "modulo", Kind: 1},
				NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
			},
			Variable: "modulo",
		},
		{
			Body: &ast.Apply{
				Target: &ast.Index{
					Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
					Index:    &ast.LiteralString{Value: "native", Kind: 1},
					NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
				},
				Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: &ast.LiteralString{Value: "format", Kind: 1}}}},
				NodeBase:  ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
			},
			Variable: "fill",
		},
		{
			Body: &ast.Apply{
				Target: &ast.Index{
					Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
					Index:    &ast.LiteralString{Value: "native", Kind: 1},
					NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
				},
				Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: &ast.LiteralString{Value: "formatCodes", Kind: 1}}}},
				NodeBase:  ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
			},
			Variable: "codesOf",
		},
	},
	Body: &ast.Local{
		Binds: ast.LocalBinds{
			{
				Body: &ast.Function{
					Body: &ast.Local{
						Binds: ast.LocalBinds{
							{
								Body: &ast.Apply{
									Target: &ast.Var{Id: "type", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"type"}}},
									Arguments: ast.Arguments{
										Positional: []ast.CommaSeparatedExpr{{Expr: &ast.Var{Id: "value", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"value"}}}}},
									},
									NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"type", "value"}},
								},
								Variable: "kind",
							},
						},
						Body: &ast.Conditional{
							Cond: &ast.Binary{
								Right: &ast.Binary{
									Right:    &ast.LiteralString{Value: "object", Kind: 1},
									Left:     &ast.Var{Id: "kind", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"kind"}}},
									NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"kind"}},
									Op:       12,
								},
								Left: &ast.Binary{
									Right:    &ast.LiteralString{Value: "array", Kind: 1},
									Left:     &ast.Var{Id: "kind", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"kind"}}},
									NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"kind"}},
									Op:       12,
								},
								NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"kind"}},
								Op:       18,
							},
							BranchTrue: &ast.Binary{
								Right:    &ast.Var{Id: "value", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"value"}}},
								Left:     &ast.LiteralString{Kind: 1},
								NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"value"}},
								Op:       3,
							},
							BranchFalse: &ast.Conditional{
								Cond: &ast.Binary{
									Right:    &ast.LiteralString{Value: "function", Kind: 1},
									Left:     &ast.Var{Id: "kind", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"kind"}}},
									NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"kind"}},
									Op:       12,
								},
								BranchTrue:  &ast.Array{},
								BranchFalse: &ast.Var{Id: "value", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"value"}}},
								NodeBase:    ast.NodeBase{FreeVars: ast.Identifiers{"kind", "value"}},
							},
							NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"kind", "value"}},
						},
						NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"type", "value"}},
					},
					Parameters: []ast.Parameter{{Name: "value"}},
					NodeBase:   ast.NodeBase{FreeVars: ast.Identifiers{"type"}},
				},
				Variable: "plain",
			},
		},
		Body: &ast.Local{
			Binds: ast.LocalBinds{
				{
					Body: &ast.Function{
						Body: &ast.Conditional{
							Cond: &ast.Apply{
								Target: &ast.Index{
									Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
									Index:    &ast.LiteralString{Value: "objectHasAll", Kind: 1},
									NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
								},
								Arguments: ast.Arguments{
									Positional: []ast.CommaSeparatedExpr{
										{Expr: &ast.Var{Id: "vals", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"vals"}}}},
										{Expr: &ast.Var{Id: "key", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"key"}}}},
									},
								},
								NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"key", "std", "vals"}},
							},
							BranchTrue: &ast.Apply{
								Target: &ast.Var{Id: "plain", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"plain"}}},
								Arguments: ast.Arguments{
									Positional: []ast.CommaSeparatedExpr{
										{
											Expr: &ast.Index{
												Target:   &ast.Var{Id: "vals", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"vals"}}},
												Index:    &ast.Var{Id: "key", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"key"}}},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"key", "vals"}},
											},
										},
									},
								},
								NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"key", "plain", "vals"}},
							},
							BranchFalse: &ast.Error{
								Expr: &ast.Binary{
									Right:    &ast.Var{Id: "key", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"key"}}},
									Left:     &ast.LiteralString{Value: "No such field: ", Kind: 1},
									NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"key"}},
									Op:       3,
								},
								NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"key"}},
							},
							NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"key", "plain", "std", "vals"}},
						},
						Parameters: []ast.Parameter{{Name: "vals"}, {Name: "key"}},
						NodeBase:   ast.NodeBase{FreeVars: ast.Identifiers{"plain", "std"}},
					},
					Variable: "value",
				},
			},
			Body: &ast.Local{
				Binds: ast.LocalBinds{
					{
						Body: &ast.Function{
							Body: &ast.Local{
								Binds: ast.LocalBinds{
									{
										Body: &ast.Apply{
											Target: &ast.Var{Id: "type", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"type"}}},
											Arguments: ast.Arguments{
												Positional: []ast.CommaSeparatedExpr{{Expr: &ast.Var{Id: "vals", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"vals"}}}}},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"type", "vals"}},
										},
										Variable: "kind",
									},
								},
								Body: &ast.Local{
									Binds: ast.LocalBinds{
										{
											Body: &ast.Apply{
												Target: &ast.Var{Id: "codesOf", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"codesOf"}}},
												Arguments: ast.Arguments{
													Positional: []ast.CommaSeparatedExpr{{Expr: &ast.Var{Id: "str", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"str"}}}}},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"codesOf", "str"}},
											},
											Variable: "codes",
										},
									},
									Body: &ast.Conditional{
										Cond: &ast.Binary{
											Right:    &ast.LiteralString{Value: "array", Kind: 1},
											Left:     &ast.Var{Id: "kind", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"kind"}}},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"kind"}},
											Op:       12,
										},
										BranchTrue: &ast.Conditional{
											Cond: &ast.Binary{
												Right: &ast.Index{
													Target:   &ast.Var{Id: "codes", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"codes"}}},
													Index:    &ast.LiteralString{Value: "count", Kind: 1},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"codes"}},
												},
												Left: &ast.Apply{
													Target: &ast.Var{Id: "length", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"length"}}},
													Arguments: ast.Arguments{
														Positional: []ast.CommaSeparatedExpr{{Expr: &ast.Var{Id: "vals", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"vals"}}}}},
													},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"length", "vals"}},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"codes", "length", "vals"}},
												Op:       12,
											},
											BranchTrue: &ast.Apply{
												Target: &ast.Var{Id: "fill", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"fill"}}},
												Arguments: ast.Arguments{
													Positional: []ast.CommaSeparatedExpr{
														{Expr: &ast.Var{Id: "str", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"str"}}}},
														{
															Expr: &ast.Apply{
																Target: &ast.Index{
																	Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
																	Index:    &ast.LiteralString{Value: "map", Kind: 1},
																	NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
																},
																Arguments: ast.Arguments{
																	Positional: []ast.CommaSeparatedExpr{
																		{Expr: &ast.Var{Id: "plain", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"plain"}}}},
																		{Expr: &ast.Var{Id: "vals", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"vals"}}}},
																	},
																},
																NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"plain", "std", "vals"}},
															},
														},
														{Expr: &ast.LiteralString{Value: "list", Kind: 1}},
													},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"fill", "plain", "std", "str", "vals"}},
											},
											BranchFalse: &ast.LiteralNull{},
											NodeBase:    ast.NodeBase{FreeVars: ast.Identifiers{"codes", "fill", "length", "plain", "std", "str", "vals"}},
										},
										BranchFalse: &ast.Conditional{
											Cond: &ast.Binary{
												Right:    &ast.LiteralString{Value: "object", Kind: 1},
												Left:     &ast.Var{Id: "kind", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"kind"}}},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"kind"}},
												Op:       12,
											},
											BranchTrue: &ast.Conditional{
												Cond: &ast.Binary{
													Right: &ast.LiteralNull{},
													Left: &ast.Index{
														Target:   &ast.Var{Id: "codes", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"codes"}}},
														Index:    &ast.LiteralString{Value: "keys", Kind: 1},
														NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"codes"}},
													},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"codes"}},
													Op:       13,
												},
												BranchTrue: &ast.Apply{
													Target: &ast.Var{Id: "fill", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"fill"}}},
													Arguments: ast.Arguments{
														Positional: []ast.CommaSeparatedExpr{
															{Expr: &ast.Var{Id: "str", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"str"}}}},
															{
																Expr: &ast.Apply{
																	Target: &ast.Index{
																		Target:   &ast.Var{Id: "$std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std"}}},
																		Index:    &ast.LiteralString{Value: "$flatMapArray", Kind: 1},
																		NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std"}},
																	},
																	Arguments: ast.Arguments{
																		Positional: []ast.CommaSeparatedExpr{
																			{
																				Expr: &ast.Function{
																					Body: &ast.Array{
																						Elements: []ast.CommaSeparatedExpr{
																							{
																								Expr: &ast.Apply{
																									Target: &ast.Var{Id: "value", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"value"}}},
																									Arguments: ast.Arguments{
																										Positional: []ast.CommaSeparatedExpr{
																											{Expr: &ast.Var{Id: "vals", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"vals"}}}},
																											{Expr: &ast.Var{Id: "key", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"key"}}}},
																										},
																									},
																									NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"key", "vals", "value"}},
																								},
																							},
																						},
																						NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"key", "vals", "value"}},
																					},
																					Parameters: []ast.Parameter{{Name: "key"}},
																					NodeBase:   ast.NodeBase{FreeVars: ast.Identifiers{"vals", "value"}},
																				},
																			},
																			{
																				Expr: &ast.Index{
																					Target:   &ast.Var{Id: "codes", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"codes"}}},
																					Index:    &ast.LiteralString{Value: "keys", Kind: 1},
																					NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"codes"}},
																				},
																			},
																		},
																	},
																	NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "codes", "vals", "value"}},
																},
															},
															{Expr: &ast.LiteralString{Value: "keys", Kind: 1}},
														},
													},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "codes", "fill", "str", "vals", "value"}},
												},
												BranchFalse: &ast.LiteralNull{},
												NodeBase:    ast.NodeBase{FreeVars: ast.Identifiers{"$std", "codes", "fill", "str", "vals", "value"}},
											},
											BranchFalse: &ast.Conditional{
												Cond: &ast.Binary{
													Right:    &ast.LiteralString{Value: "function", Kind: 1},
													Left:     &ast.Var{Id: "kind", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"kind"}}},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"kind"}},
													Op:       13,
												},
												BranchTrue: &ast.Apply{
													Target: &ast.Var{Id: "fill", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"fill"}}},
													Arguments: ast.Arguments{
														Positional: []ast.CommaSeparatedExpr{
															{Expr: &ast.Var{Id: "str", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"str"}}}},
															{Expr: &ast.Var{Id: "vals", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"vals"}}}},
															{Expr: &ast.LiteralString{Value: "one", Kind: 1}},
														},
													},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"fill", "str", "vals"}},
												},
												BranchFalse: &ast.LiteralNull{},
												NodeBase:    ast.NodeBase{FreeVars: ast.Identifiers{"fill", "kind", "str", "vals"}},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "codes", "fill", "kind", "str", "vals", "value"}},
										},
										NodeBase: ast.NodeBase{
											FreeVars: ast.Identifiers{"$std", "codes", "fill", "kind", "length", "plain", "std", "str", "vals", "value"},
										},
									},
									NodeBase: ast.NodeBase{
										FreeVars: ast.Identifiers{"$std", "codesOf", "fill", "kind", "length", "plain", "std", "str", "vals", "value"},
									},
								},
								NodeBase: ast.NodeBase{
									FreeVars: ast.Identifiers{"$std", "codesOf", "fill", "length", "plain", "std", "str", "type", "vals", "value"},
								},
							},
							Parameters: []ast.Parameter{{Name: "str"}, {Name: "vals"}},
							NodeBase:   ast.NodeBase{FreeVars: ast.Identifiers{"$std", "codesOf", "fill", "length", "plain", "std", "type", "value"}},
						},
						Variable: "filled",
					},
				},
				Body: &ast.DesugaredObject{
					Fields: ast.DesugaredObjectFields{
						{
							Name: &ast.LiteralString{Value: "format", Kind: 1},
							Body: &ast.Function{
								Body: &ast.Local{
									Binds: ast.LocalBinds{
										{
											Body: &ast.Conditional{
												Cond: &ast.Binary{
													Right: &ast.LiteralString{Value: "string", Kind: 1},
													Left: &ast.Apply{
														Target: &ast.Var{Id: "type", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"type"}}},
														Arguments: ast.Arguments{
															Positional: []ast.CommaSeparatedExpr{{Expr: &ast.Var{Id: "str", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"str"}}}}},
														},
														NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"str", "type"}},
													},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"str", "type"}},
													Op:       12,
												},
												BranchTrue: &ast.Apply{
													Target: &ast.Var{Id: "filled", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"filled"}}},
													Arguments: ast.Arguments{
														Positional: []ast.CommaSeparatedExpr{
															{Expr: &ast.Var{Id: "str", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"str"}}}},
															{Expr: &ast.Var{Id: "vals", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"vals"}}}},
														},
													},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"filled", "str", "vals"}},
												},
												BranchFalse: &ast.LiteralNull{},
												NodeBase:    ast.NodeBase{FreeVars: ast.Identifiers{"filled", "str", "type", "vals"}},
											},
											Variable: "formatted",
										},
									},
									Body: &ast.Conditional{
										Cond: &ast.Binary{
											Right: &ast.Binary{
												Right:    &ast.LiteralNull{},
												Left:     &ast.Var{Id: "formatted", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"formatted"}}},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"formatted"}},
												Op:       13,
											},
											Left: &ast.Binary{
												Right: &ast.LiteralString{Value: "function", Kind: 1},
												Left: &ast.Apply{
													Target: &ast.Var{Id: "type", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"type"}}},
													Arguments: ast.Arguments{
														Positional: []ast.CommaSeparatedExpr{{Expr: &ast.Var{Id: "vals", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"vals"}}}}},
													},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"type", "vals"}},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"type", "vals"}},
												Op:       13,
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"formatted", "type", "vals"}},
											Op:       17,
										},
										BranchTrue: &ast.Var{Id: "formatted", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"formatted"}}},
										BranchFalse: &ast.Apply{
											Target: &ast.Index{
												Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
												Index:    &ast.LiteralString{Value: "format", Kind: 1},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
											},
											Arguments: ast.Arguments{
												Positional: []ast.CommaSeparatedExpr{
													{Expr: &ast.Var{Id: "str", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"str"}}}},
													{Expr: &ast.Var{Id: "vals", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"vals"}}}},
												},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std", "str", "vals"}},
										},
										NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"formatted", "std", "str", "type", "vals"}},
									},
									NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"filled", "std", "str", "type", "vals"}},
								},
								Parameters: []ast.Parameter{{Name: "str"}, {Name: "vals"}},
								NodeBase:   ast.NodeBase{FreeVars: ast.Identifiers{"filled", "std", "type"}},
							},
						},
						{
							Name: &ast.LiteralString{Value: "mod", Kind: 1},
							Body: &ast.Function{
								Body: &ast.Conditional{
									Cond: &ast.Binary{
										Right: &ast.LiteralString{Value: "string", Kind: 1},
										Left: &ast.Apply{
											Target: &ast.Var{Id: "type", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"type"}}},
											Arguments: ast.Arguments{
												Positional: []ast.CommaSeparatedExpr{{Expr: &ast.Var{Id: "a", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"a"}}}}},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"a", "type"}},
										},
										NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"a", "type"}},
										Op:       12,
									},
									BranchTrue: &ast.Local{
										Binds: ast.LocalBinds{
											{
												Body: &ast.Apply{
													Target: &ast.Var{Id: "filled", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"filled"}}},
													Arguments: ast.Arguments{
														Positional: []ast.CommaSeparatedExpr{
															{Expr: &ast.Var{Id: "a", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"a"}}}},
															{Expr: &ast.Var{Id: "b", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"b"}}}},
														},
													},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"a", "b", "filled"}},
												},
												Variable: "formatted",
											},
										},
										Body: &ast.Conditional{
											Cond: &ast.Binary{
												Right:    &ast.LiteralNull{},
												Left:     &ast.Var{Id: "formatted", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"formatted"}}},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"formatted"}},
												Op:       13,
											},
											BranchTrue: &ast.Var{Id: "formatted", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"formatted"}}},
											BranchFalse: &ast.Apply{
												Target: &ast.Index{
													Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
													Index:    &ast.LiteralString{Value: "format", Kind: 1},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
												},
												Arguments: ast.Arguments{
													Positional: []ast.CommaSeparatedExpr{
														{Expr: &ast.Var{Id: "a", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"a"}}}},
														{Expr: &ast.Var{Id: "b", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"b"}}}},
													},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"a", "b", "std"}},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"a", "b", "formatted", "std"}},
										},
										NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"a", "b", "filled", "std"}},
									},
									BranchFalse: &ast.Conditional{
										Cond: &ast.Binary{
											Right: &ast.Binary{
												Right: &ast.LiteralString{Value: "number", Kind: 1},
												Left: &ast.Apply{
													Target: &ast.Var{Id: "type", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"type"}}},
													Arguments: ast.Arguments{
														Positional: []ast.CommaSeparatedExpr{{Expr: &ast.Var{Id: "b", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"b"}}}}},
													},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"b", "type"}},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"b", "type"}},
												Op:       12,
											},
											Left: &ast.Binary{
												Right: &ast.LiteralString{Value: "number", Kind: 1},
												Left: &ast.Apply{
													Target: &ast.Var{Id: "type", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"type"}}},
													Arguments: ast.Arguments{
														Positional: []ast.CommaSeparatedExpr{{Expr: &ast.Var{Id: "a", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"a"}}}}},
													},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"a", "type"}},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"a", "type"}},
												Op:       12,
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"a", "b", "type"}},
											Op:       17,
										},
										BranchTrue: &ast.Apply{
											Target: &ast.Var{Id: "modulo", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"modulo"}}},
											Arguments: ast.Arguments{
												Positional: []ast.CommaSeparatedExpr{
													{Expr: &ast.Var{Id: "a", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"a"}}}},
													{Expr: &ast.Var{Id: "b", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"b"}}}},
												},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"a", "b", "modulo"}},
										},
										BranchFalse: &ast.Apply{
											Target: &ast.Index{
												Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
												Index:    &ast.LiteralString{Value: "mod", Kind: 1},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
											},
											Arguments: ast.Arguments{
												Positional: []ast.CommaSeparatedExpr{
													{Expr: &ast.Var{Id: "a", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"a"}}}},
													{Expr: &ast.Var{Id: "b", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"b"}}}},
												},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"a", "b", "std"}},
										},
										NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"a", "b", "modulo", "std", "type"}},
									},
									NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"a", "b", "filled", "modulo", "std", "type"}},
								},
								Parameters: []ast.Parameter{{Name: "a"}, {Name: "b"}},
								NodeBase:   ast.NodeBase{FreeVars: ast.Identifiers{"filled", "modulo", "std", "type"}},
							},
						},
					},
					Locals:   ast.LocalBinds{{Body: &ast.Self{}, Variable: "$"}},
					NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"filled", "modulo", "std", "type"}},
				},
				NodeBase: ast.NodeBase{
					FreeVars: ast.Identifiers{"$std", "codesOf", "fill", "length", "modulo", "plain", "std", "type", "value"},
				},
			},
			NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "codesOf", "fill", "length", "modulo", "plain", "std", "type"}},
		},
		NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "codesOf", "fill", "length", "modulo", "std", "type"}},
	},
	NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "std"}},
}
